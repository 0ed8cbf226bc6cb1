"""Reads metrics.prom of a run with Prometheus' own parser and compares it with events.jsonl.

`pip install prometheus_client` into a virtual environment, then: python bench/prometheus_reader.py RUN_DIR
"""

import json
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

run = Path(sys.argv[1])
events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
steps = [event for event in events if event["type"] == "step"]
(end,) = [event for event in events if event["type"] == "exit"][-1:]
families = list(text_string_to_metric_families((run / "metrics.prom").read_text()))
assert len({family.name for family in families}) == len(families), "a family stands twice"
assert all(family.type == "gauge" and family.documentation for family in families)
read = {sample.name: sample for family in families for sample in family.samples if "name" not in sample.labels}
name = next(event["name"] for event in events if event["type"] == "run")
assert {sample.labels["run"] for sample in read.values()} == {name}
wanted = {
    "step": steps[-1]["step"],
    "learning_rate": steps[-1].get("lr_used", steps[-1]["lr"]),
    "exit_code": end["code"],
    "live": 0,
}
for key, value in wanted.items():
    assert read[f"visiontrain_{key}"].value == value, (key, read[f"visiontrain_{key}"].value, value)
print(f"{len(families)} families of {name!r} agree: {', '.join(sorted(read))}")
