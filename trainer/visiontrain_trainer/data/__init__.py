"""From images and captions to batches."""
