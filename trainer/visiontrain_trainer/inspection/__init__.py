"""What the pixels and captions of a data set are like: measured once for each content, as a program of its own."""
