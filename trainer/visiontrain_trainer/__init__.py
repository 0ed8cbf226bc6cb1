"""The LoRA trainer of visiontrain: reads RUN/plan.json, does what it says, writes RUN/events.jsonl and the files."""

#: Part of every cache key and of the metadata: raise it when encoded latents or text states would come out different.
CODE_VERSION = 1
