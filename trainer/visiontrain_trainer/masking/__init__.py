"""Masks for images: the subject, faces or writing are found by small models, and kept by content."""
