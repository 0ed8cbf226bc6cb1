"""Reads what a run has handed to W&B and to trackio with the packages' own code, and compares it with events.jsonl.

    PYTHONPATH=TRACKIO python bench/tracker_readers.py trackio RUN_DIR PROJECT    # TRACKIO_DIR as in the run
    PYTHONPATH=WANDB python bench/tracker_readers.py wandb RUN_DIR                # a run with mode: offline

TRACKIO and WANDB are the folders that `visiontrain setup --trackio --wandb` makes beside the environment, and `python`
is that of the environment.
"""

import json
import sys
from pathlib import Path
from typing import Any

Row = tuple[int, dict[str, Any]]


def of_trackio(run: Path, project: str) -> list[Row]:
    """The steps and values that trackio's own API gives for the run."""
    from trackio.sqlite_storage import SQLiteStorage

    return [(row.pop("step"), row) for row in SQLiteStorage.get_logs(project, run.name)]


def of_wandb(run: Path) -> list[Row]:
    """The steps and values in the file that `wandb sync` sends: records of W&B's own protobuf in a LevelDB log."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = (run / "wandb").glob("offline-run-*/*.wandb")
    rows = []
    for data in log_records(path.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            # An image has several items below its tag.
            values = {(list(item.nested_key) or [item.key])[0]: json.loads(item.value_json) for item in items}
            rows.append((values.pop("step"), values))
    return rows


def log_records(data: bytes) -> list[bytes]:
    """Whole records of a LevelDB log in blocks of 32 KiB; file and parts begin with 7 bytes."""
    block, head = 1 << 15, 7
    records, open_record, at = [], b"", head
    while at + head <= len(data):
        if block - at % block < head:
            at += block - at % block
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        open_record += data[at + head : at + head + length]
        at += head + length
        # 1 is a whole record, 4 the last part of one.
        if kind in (1, 4):
            records.append(open_record)
            open_record = b""
    return records


def main() -> None:
    kind, run = sys.argv[1], Path(sys.argv[2]).resolve()
    rows = of_trackio(run, sys.argv[3]) if kind == "trackio" else of_wandb(run)
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    losses = {event["step"]: event["loss"] for event in events if event["type"] == "step"}
    made = [event for event in events if event["type"] == "sample" and event["adapter"]]
    samples = sorted((event["step"], event["index"]) for event in made)
    read = {step: values["loss/current"] for step, values in rows if "loss/current" in values}
    assert read.keys() == losses.keys(), (len(read), len(losses))
    assert all(abs(read[step] - loss) <= 1e-9 for step, loss in losses.items())
    shown = [(step, tag) for step, values in rows for tag in values if tag.startswith("samples/")]
    images = sorted((step, int(tag.split("/")[1])) for step, tag in shown)
    assert images == samples, (images, samples)
    tags = sorted({tag for _, values in rows for tag in values if "/" in tag})
    print(f"{kind}: {len(read)} steps and {len(images)} samples agree; tags: {tags}")


if __name__ == "__main__":
    main()
