"""Captions for images that have none: tags by a tagger, sentences by a captioner, either by an endpoint."""
