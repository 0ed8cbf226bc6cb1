"""Reads a run's event files with TensorBoard's own reader and compares them with events.jsonl.

`pip install tensorboard` into a virtual environment, then: python bench/tensorboard_reader.py RUN_DIR
"""

import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = Path(sys.argv[1])
losses, samples, checks = {}, [], {}
for line in (run / "events.jsonl").read_text().splitlines():
    event = json.loads(line)
    if event["type"] == "start":
        # Values of steps beyond the resume belong to an attempt that was given up, and do not count.
        losses = {step: loss for step, loss in losses.items() if step <= event["step"]}
        checks = {step: loss for step, loss in checks.items() if step <= event["step"]}
        samples = [key for key in samples if key[0] <= event["step"]]
    elif event["type"] == "step":
        losses[event["step"]] = event["loss"]
    elif event["type"] == "validation":
        checks[event["step"]] = event["loss"]
    elif event["type"] == "sample" and event["adapter"]:
        samples.append((event["step"], event["index"]))
shown = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
shown.Reload()
read = {value.step: value.value for value in shown.Scalars("loss/current")}
assert read.keys() == losses.keys(), (len(read), len(losses))
assert all(abs(read[step] - loss) <= 1e-6 * abs(loss) for step, loss in losses.items())
for step, loss in checks.items():
    assert any(v.step == step and abs(v.value - loss) <= 1e-6 for v in shown.Scalars("loss/validation"))
images = sorted((image.step, int(tag.split("/")[1])) for tag in shown.Tags()["images"] for image in shown.Images(tag))
assert images == sorted(samples), (images, samples)
text = shown.Tensors("config")[0].tensor_proto.string_val[0].decode()
assert "training:" in text
print(f"{len(read)} steps, {len(checks)} validations, {len(images)} samples agree; tags: {shown.Tags()['scalars']}")
