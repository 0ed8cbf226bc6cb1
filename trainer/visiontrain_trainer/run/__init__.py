"""A whole run, from its plan to its result."""
