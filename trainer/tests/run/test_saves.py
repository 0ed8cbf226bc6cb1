"""LoRA files saved during a run: their names and bytes, what a stop, a kill and a full disk leave, and exports
afterwards.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.conftest import prepare_run
from tests.run.test_exact import TRAINER, _stop_after
from visiontrain_trainer.adapter import export as files
from visiontrain_trainer.base.errors import MachineError, TrainingError
from visiontrain_trainer.run.export import Request, export
from visiontrain_trainer.training.writer import Writer


def _hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def _request(to: Path, kind: Any = "last", number: int = 0, **more: Any) -> Request:
    return Request(kind, number, to, more.get("precision"), more.get("diffusers", False))


@pytest.fixture
def validated(images: Any) -> dict[str, Any]:
    return {"images": [{**sample, "validation": i == 0} for i, sample in enumerate(images[1])]}


def test_files_at_saves_equal_exports_and_outlive_a_stop(
    train_here: Any, plan_for: Any, validated: Any, tmp_path: Path
) -> None:
    output = {"checkpoint_every": 2, "checkpoint_keep": 9, "save_every": 2, "diffusers": True}
    plan = plan_for(data=validated, training={"text_encoder_learning_rates": [1e-3]}, output=output)
    whole = train_here(plan, "whole")
    made = _hashes(tmp_path / "whole" / "output")
    steps = {f"tiny-step{step:08d}{kind}" for step in (2, 4) for kind in (".safetensors", ".diffusers.safetensors")}
    assert steps <= set(made)
    told = {e["path"]: e for e in whole.of("saved")}
    assert {Path(path).name for path in told} == set(made) - {"tiny.safetensors", "tiny.diffusers.safetensors"}
    assert all(e["sha256"] == made[Path(path).name] for path, e in told.items())
    header = (tmp_path / "whole" / "output" / "tiny-step00000002.safetensors").read_bytes()
    facts = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]
    assert (facts["ss_steps"], facts["ss_max_train_steps"], facts["modelspec.trigger_phrase"]) == ("2", "6", "zwx")

    folder = prepare_run(tmp_path / "cut", plan)
    assert _stop_after(folder, plan, 3) == 75
    stopped = _hashes(folder / "output")
    assert stopped["tiny-step00000002.safetensors"] == made["tiny-step00000002.safetensors"]
    assert train_here(plan, "cut").sha256 == whole.sha256
    again = _hashes(folder / "output")
    assert {name: again.pop(name) for name in stopped} == stopped
    assert again == {name: made[name] for name in again}

    for step in (2, 4):
        export(tmp_path / "whole", _request(tmp_path / "exported", "step", step, diffusers=True))
    export(folder, _request(tmp_path / "exported", "step", 3))
    exported = _hashes(tmp_path / "exported")
    assert exported == {name: {**made, **stopped}[name] for name in exported} and len(exported) == 6
    last, _ = export(tmp_path / "whole", _request(tmp_path / "last"))
    assert last == [6] and list(_hashes(tmp_path / "last").values())[-1] == made["tiny.safetensors"]


def test_a_file_at_a_save_changes_no_byte_of_training(train_here: Any, plan_for: Any) -> None:
    quiet = train_here(plan_for(output={"checkpoint_every": 0}), "quiet")
    busy = train_here(plan_for(output={"checkpoint_every": 1, "save_every": 1, "save_keep": 2}), "busy")
    assert busy.sha256 == quiet.sha256
    kept = sorted(p.name for p in (busy.folder / "output").iterdir())
    assert kept == ["tiny-step00000004.safetensors", "tiny-step00000005.safetensors", "tiny.safetensors"]
    assert [e["path"] for e in busy.of("unsaved")] == [f"output/tiny-step0000000{n}.safetensors" for n in (1, 2, 3)]
    assert len(list((busy.folder / "checkpoints").iterdir())) == 3


def test_epochs_fall_on_their_borders(train_here: Any, plan_for: Any) -> None:
    plan = plan_for(training={"steps": 9, "gradient_accumulation": 2}, output={"save_every": "2 epochs"})
    run = train_here(plan)
    border = plan["training"]["batches_per_epoch"]
    names = {e["path"]: e["step"] for e in run.of("saved")}
    expected = {f"output/tiny-{e:06d}.safetensors": -(-e * border // 2) for e in (2, 4, 6) if e * border < 18}
    assert names == expected and len(names) > 1


def test_the_best_step_is_exported_under_its_name(train_here: Any, plan_for: Any, validated: Any) -> None:
    training = {"steps": 9, "learning_rate": 3.0, "schedule": "constant"}
    run = train_here(plan_for(data=validated, training=training, output={"checkpoint_every": 1}))
    best = run.of("learned")[0]["best_step"]
    assert 0 < best < 9
    (told,) = (e for e in run.of("saved") if e.get("best"))
    assert told["step"] == best and told["path"] == "output/tiny-best.safetensors"
    # The file exists with these bytes, which is reported and is no error.
    assert [f.made for f in export(run.folder, _request(run.folder / "output", "best"))[1]] == [False]
    with pytest.raises(TrainingError, match="a file of another content is there"):
        export(run.folder, _request(run.folder / "output", "best", precision="fp32"))


def test_a_kill_in_the_middle_of_the_write_leaves_no_half_file(plan_for: Any, tmp_path: Path) -> None:
    """The process dies while it writes the third file: the files that exist by then are complete."""
    folder = prepare_run(tmp_path / "run", plan_for(output={"save_every": 1}))
    script = """
import os, sys
from visiontrain_trainer import __main__
from visiontrain_trainer.adapter import export
pieces, began = export.pieces, []
def dying(*content):
    began.append(1)
    for number, piece in enumerate(pieces(*content)):
        if len(began) == 3 and number == 5:
            os._exit(9)
        yield piece
export.pieces = dying
sys.exit(__main__.main([sys.argv[1]]))
"""
    environment = {**os.environ, "PYTHONPATH": str(TRAINER)}
    dead = subprocess.run([sys.executable, "-c", script, str(folder)], env=environment, cwd=TRAINER, check=False)
    assert dead.returncode == 9
    found = sorted((folder / "output").glob("[!.]*"))
    assert [p.name for p in found] == ["tiny-step00000001.safetensors", "tiny-step00000002.safetensors"]
    for path in found:
        load_file(path)


def test_a_disk_that_fills_up_in_the_middle_fails_the_save_and_not_the_file_before(
    train_here: Any, plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    pieces, begun = files.pieces, []

    def filling(*content: Any) -> Any:
        begun.append(1)
        for number, piece in enumerate(pieces(*content)):
            if len(begun) > 1 and number == 5:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield piece

    monkeypatch.setattr(files, "pieces", filling)
    with pytest.raises(MachineError, match="step00000002.safetensors: cannot be written") as caught:
        train_here(plan_for(output={"save_every": 1}))
    assert caught.value.id == "disk/write-failed" and "No space left" in caught.value.reason
    # The unfinished second file is gone, under every name.
    (left,) = (tmp_path / "run" / "output").iterdir()
    assert left.name == "tiny-step00000001.safetensors" and load_file(left)


def test_a_weight_too_large_for_a_save_is_reported_and_training_goes_on(
    train_here: Any, plan_for: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("visiontrain_trainer.run.saves.make_files", _raise_on_the_way)
    run = train_here(plan_for(output={"save_every": 2}))
    assert run.code == 0 and not run.of("saved")
    assert [e["text"] for e in run.of("note") if e["level"] == "warn"] == ["Step 2: too large", "Step 4: too large"]


def _raise_on_the_way(plan: Any, tensors: Any, origin: Any) -> Any:
    if origin.facts["ss_steps"] == str(plan.training.steps):
        return files.make_files(plan, tensors, origin)
    raise TrainingError("too large", id="training/burnt")


def test_the_mean_of_checkpoints(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    run = train_here(plan_for(output={"checkpoint_every": 2, "precision": "fp32", "metadata": "none"}))
    assert export(run.folder, _request(tmp_path, "average"))[0] == [6, 4, 2]
    each = [load_file(run.folder / "checkpoints" / f"step-{n:06d}" / "adapter.safetensors") for n in (2, 4, 6)]
    averaged = load_file(tmp_path / "tiny-average3.safetensors")
    name = "unet.mid_block.attentions.0.proj_in"
    expected = sum(t[f"{name}.up"].double() for t in each) / 3
    assert expected.abs().max() > 0
    assert (averaged[f"lora_{name.replace('.', '_')}.lora_up.weight"] - expected).abs().max() < 1e-8


@pytest.mark.parametrize(
    ("kind", "number", "said"),
    [("step", 3, "no checkpoint of step 3"), ("best", 0, "none is known to be best"), ("step", 0, "At step 0 nothing")],
)
def test_an_export_that_is_impossible_names_possible_ones(
    kind: str, number: int, said: str, train_here: Any, plan_for: Any, tmp_path: Path
) -> None:
    run = train_here(plan_for(training={"steps": 4}, output={"checkpoint_every": 2, "save_every": 3}))
    with pytest.raises(TrainingError, match=said) as caught:
        export(run.folder, _request(tmp_path, kind, number))
    kept = ["Its LoRA file is there all the same: output/tiny-step00000003.safetensors"] if number == 3 else []
    assert caught.value.details == ["Checkpoints: steps 2, 4.", *kept]


def test_the_writer_raises_what_a_job_raised_and_runs_one_at_a_time() -> None:
    order: list[str] = []
    with pytest.raises(ValueError, match="second"), Writer() as writer:
        writer.submit(lambda: order.append("first"))
        writer.submit(lambda: (_ for _ in ()).throw(ValueError("second")))
        with pytest.raises(ValueError, match="second"):
            writer.wait()
        writer.submit(lambda: order.append("third"))
        writer.submit(lambda: (_ for _ in ()).throw(ValueError("second")))
    assert order == ["first", "third"]
