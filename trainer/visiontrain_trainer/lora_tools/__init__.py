"""LoRA files made smaller, mixed and renamed, with numpy alone: neither torch nor a base model is loaded."""
