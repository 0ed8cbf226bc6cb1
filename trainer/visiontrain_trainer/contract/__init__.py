"""The contract with the program in TypeScript: the plan, events, requests."""
