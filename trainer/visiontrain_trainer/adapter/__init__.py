"""The LoRA: its layers and its files."""
