"""One step and what is kept, checked and measured of it."""
