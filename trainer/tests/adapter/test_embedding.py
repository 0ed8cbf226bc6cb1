"""An embedding beside the LoRA: its vectors stand for the trigger, learn, and are read by diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from tests.run.test_right import open_here
from visiontrain_trainer.adapter.embedding import EmbeddingLayer
from visiontrain_trainer.contract.plan import Pivotal
from visiontrain_trainer.run.export import Request, export

PIVOTAL = {"word": "zwx", "tokens": 3, "initial": "a toy", "learning_rate": 0.01, "steps": None}
SHORT = {"steps": 2, "warmup_steps": 0, "schedule": "constant", "pivotal": PIVOTAL}


def test_vectors_are_those_of_a_larger_table() -> None:
    """Values and gradients are those of a table with the vectors as its last rows, in fp64."""
    base = nn.Embedding(7, 5).double().requires_grad_(False)
    layer = EmbeddingLayer(base, "embedding", Pivotal(**{**PIVOTAL, "tokens": 2}), [4]).double()
    assert torch.equal(layer.rows, base.weight[[4, 4]])
    layer.rows.data += torch.randn(2, 5, dtype=torch.float64)
    layer.used = (layer.rows,)
    ids, seen = torch.tensor([[0, 8, 7, 6], [7, 7, 1, 2]]), torch.randn(2, 4, 5, dtype=torch.float64)
    table = torch.cat([base.weight, layer.rows.detach()]).requires_grad_()
    (layer(ids) * seen).sum().backward()
    (nn.functional.embedding(ids, table) * seen).sum().backward()
    assert torch.equal(layer(ids), nn.functional.embedding(ids, table))
    torch.testing.assert_close(layer.rows.grad, table.grad[7:], rtol=0, atol=1e-15)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_a_run_trains_the_vectors_and_diffusers_reads_them(
    family: str, plan_for: Any, train_here: Any, tiny: Any, tmp_path: Path
) -> None:
    plan = plan_for(family, training=SHORT, output={"checkpoint_every": 0, "precision": "fp32"})
    run = train_here(plan)
    assert run.code == 0
    assert {e["format"] for e in run.of("output")} == {"kohya", "embedding"}
    file = run.folder / "output" / "tiny.embedding.safetensors"
    with safe_open(file, "pt") as opened:
        assert opened.metadata() == {"format": "pt", "modelspec.title": "tiny", "modelspec.trigger_phrase": "zwx"}
    stored = dict(sorted(load_file(file).items(), reverse=True))  # clip_l is of the first encoder.
    assert {name: list(tensor.shape) for name, tensor in stored.items()} == (
        {"emb_params": [3, 16]} if family == "sd15" else {"clip_l": [3, 16], "clip_g": [3, 24]}
    )
    assert not any("embedding" in name for name in load_file(run.folder / "output" / "tiny.safetensors"))

    # For programs that know embeddings by their file names, the embedding lies under the word, apart from the LoRAs.
    own = tmp_path / "embeddings" / "zwx.safetensors"
    _, made = export(run.folder, Request("last", 0, tmp_path / "loras", None, diffusers=False, embedding=own))
    assert [(each.written.path, each.written.format) for each in made][1] == (own, "embedding")
    assert own.read_bytes() == file.read_bytes()

    session = open_here(tmp_path / "again", plan)
    before = [encoder.embeddings.token_embedding.rows.detach().clone() for encoder in session.texts.encoders]
    assert all(not torch.equal(old, new) for old, new in zip(before, stored.values(), strict=True))
    for encoder, rows in zip(session.texts.encoders, stored.values(), strict=True):
        encoder.embeddings.token_embedding.rows.data.copy_(rows)
    session.adapter.refresh()
    captions = ["zwx, a fox", "the ZWX", "a fox"]
    with torch.no_grad():
        ours, _ = session.texts.trained(captions)
    for index, theirs in enumerate(_states_by_diffusers(tiny(family), stored, captions)):
        width = theirs.shape[-1]
        start = 16 * index
        assert float((ours[..., start : start + width] - theirs).abs().max()) < 1e-5

    # Without the adapter the trigger is the base's own word again.
    session.adapter.enable(False)
    with torch.no_grad():
        plain, _ = session.texts.trained(captions)
    assert torch.equal(plain[2], ours[2]) and not torch.equal(plain[0], ours[0])


def _states_by_diffusers(base: Path, stored: dict[str, torch.Tensor], captions: list[str]) -> list[torch.Tensor]:
    """Text states of each encoder after diffusers' own `load_textual_inversion`, as its pipelines encode prompts."""
    from diffusers.loaders.textual_inversion import TextualInversionLoaderMixin
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    class Pipe(TextualInversionLoaderMixin):
        hf_device_map = None
        components: dict[str, Any] = {}  # noqa: RUF012

    found = []
    for index, rows in enumerate(stored.values()):
        more = "_2" if index else ""
        tokenizer = CLIPTokenizer.from_pretrained(str(base / f"tokenizer{more}"))
        kind = CLIPTextModelWithProjection if index else CLIPTextModel
        encoder = kind.from_pretrained(str(base / f"text_encoder{more}"))
        pipe = Pipe()
        pipe.load_textual_inversion({"zwx": rows}, tokenizer=tokenizer, text_encoder=encoder)
        asked = [pipe.maybe_convert_prompt(caption.lower(), tokenizer) for caption in captions]
        ids = tokenizer(asked, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        with torch.no_grad():
            out = encoder(ids, output_hidden_states=True)
        found.append(out.last_hidden_state if len(stored) == 1 else out.hidden_states[-2])
    return found
