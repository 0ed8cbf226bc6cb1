"""Judges the checkpoints of a run by samples and the validation loss, as a program of its own."""
