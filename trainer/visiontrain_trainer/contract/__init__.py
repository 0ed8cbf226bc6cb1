"""What is agreed with the other program: the plan, events, requests."""
