"""From pictures and captions to batches."""
