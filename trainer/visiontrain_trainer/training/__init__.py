"""One training step, and the checkpoints, checks and measurements that belong to it."""
