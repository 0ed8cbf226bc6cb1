"""Values of a run are handed to a tracker, by a process of its own."""
