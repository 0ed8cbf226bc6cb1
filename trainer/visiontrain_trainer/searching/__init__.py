"""Which settings the next run of a search has, as a program of its own: Optuna chooses."""
