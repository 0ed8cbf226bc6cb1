"""Samples of any LoRA files, or of a run's checkpoints, drawn whenever a person asks, as a program of its own."""
