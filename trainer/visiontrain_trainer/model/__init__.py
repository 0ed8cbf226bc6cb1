"""The base model: its weights, names, encoders."""
