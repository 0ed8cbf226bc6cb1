"""The trainer's CLIP has the same names as that of transformers, and gives the same bits forward and backward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

from tests.model.test_models import model
from tests.tiny_models import fill, to_single_file
from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.model.clip import ClipText, ClipTextWithProjection
from visiontrain_trainer.model.models import BaseModel

SIZES = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4}
END = 190
EMBEDDED = Path(__file__).parents[3] / "presets" / "tiny" / "sd15"
FORMATS = [torch.float32, torch.float16, torch.bfloat16]


def _config(act: str, end: int) -> dict[str, Any]:
    return {**SIZES, "hidden_act": act, "vocab_size": 191, "projection_dim": 40, "eos_token_id": end}


#: Encoders as wide as SD1.5's and SDXL's second, with only three layers, because the others are alike. All layers are
#: compared by bench/trainer/encoders.py.
FULL = {
    False: {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "hidden_act": "quick_gelu"},
    True: {"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 20, "hidden_act": "gelu"},
}


def _ids(pad: int) -> torch.Tensor:
    rows = torch.randint(1, 180, (3, 77), generator=torch.Generator().manual_seed(1))
    rows[:, 0] = 189
    for row, length in enumerate((5, 40, 76)):
        rows[row, length] = END
        rows[row, length + 1 :] = pad
    return rows


def _pair(act: str, end: int, dtype: torch.dtype, projected: bool, **more: Any) -> tuple[Any, Any]:
    """The encoder of transformers and the trainer's own, with the same weights."""
    config = {**_config(act, end), **more}
    stock = (CLIPTextModelWithProjection if projected else CLIPTextModel)(CLIPTextConfig(**config))
    fill(stock, "text").to(dtype).eval()
    ours = (ClipTextWithProjection if projected else ClipText)(config).to(dtype)
    ours.load_state_dict(stock.state_dict(), strict=True)
    return stock, ours


def test_modules_have_the_names_that_files_go_by() -> None:
    for projected in (False, True):
        stock, ours = _pair("gelu", END, torch.float32, projected)
        assert [n for n, _ in ours.named_parameters()] and dict(ours.named_parameters()).keys() == dict(
            stock.named_parameters()
        ).keys()
        linear = [[n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)] for model in (stock, ours)]
        assert linear[0] == linear[1]


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("act", ["quick_gelu", "gelu"])
@pytest.mark.parametrize("from_end", [1, 2, 4])
def test_states_and_gradients_have_the_bits_of_transformers(act: str, dtype: torch.dtype, from_end: int) -> None:
    stock, ours = _pair(act, END, dtype, False)
    ids = _ids(END)
    expected = stock(input_ids=ids, output_hidden_states=True).hidden_states[len(ours.encoder.layers) + 1 - from_end]
    got, pooled = ours(ids, from_end)
    assert pooled is None and torch.equal(got, expected)
    weight = torch.linspace(-1, 1, got.numel()).view_as(got).to(dtype)
    (expected * weight).sum().backward()
    (got * weight).sum().backward()
    theirs = {n: p.grad for n, p in stock.named_parameters() if p.grad is not None}
    mine = {n: p.grad for n, p in ours.named_parameters() if p.grad is not None}
    layers = SIZES["num_hidden_layers"] - from_end + 1
    assert len([n for n in mine if n.endswith("q_proj.weight")]) == layers
    assert theirs.keys() == mine.keys() and all(torch.equal(theirs[n], mine[n]) for n in mine)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize(("end", "pad"), [(END, END), (END, 0), (2, 0)])
def test_the_projection_has_the_bits_of_transformers(end: int, pad: int, dtype: torch.dtype) -> None:
    stock, ours = _pair("gelu", end, dtype, True)
    ids = _ids(pad)
    expected = stock(input_ids=ids, output_hidden_states=True)
    states, pooled = ours(ids, 2)
    assert torch.equal(states, expected.hidden_states[-2]) and torch.equal(pooled, expected.text_embeds)
    expected.text_embeds.square().sum().backward()
    pooled.square().sum().backward()
    theirs, mine = dict(stock.named_parameters()), dict(ours.named_parameters())
    assert all(torch.equal(theirs[n].grad, mine[n].grad) for n in mine)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("projected", [False, True])
def test_full_width_has_the_bits_of_transformers(projected: bool, dtype: torch.dtype) -> None:
    stock, ours = _pair("", END, dtype, projected, num_hidden_layers=3, **FULL[projected])
    with torch.no_grad():
        expected = stock(input_ids=_ids(END), output_hidden_states=True)
        for from_end in (1, 2):
            states, pooled = ours(_ids(END), from_end)
            assert torch.equal(states, expected.hidden_states[4 - from_end])
            assert (pooled is not None) == projected
            assert pooled is None or torch.equal(pooled, expected.text_embeds)


@pytest.mark.parametrize("projected", [False, True])
def test_adapters_have_the_same_layers_first_weights_and_gradients(projected: bool, plan_for: Any) -> None:
    plan = parse_plan(plan_for())
    pair = _pair("quick_gelu", END, torch.float32, projected)
    adapters = [Adapter({"text_encoder": module.requires_grad_(False)}, plan.training, plan.seed) for module in pair]
    for adapter in adapters:
        for layer in adapter.layers["text_encoder"].values():
            fill(layer, layer.name)
    (stock, ours), (theirs, mine) = pair, adapters
    assert list(theirs.tensors()) == list(mine.tensors()) and torch.equal(
        theirs.flat["text_encoder"], mine.flat["text_encoder"]
    )
    stock(input_ids=_ids(END), output_hidden_states=True).hidden_states[-2].square().sum().backward()
    ours(_ids(END), 2)[0].square().sum().backward()
    assert mine.flat_grad["text_encoder"].any()
    assert torch.equal(theirs.flat_grad["text_encoder"], mine.flat_grad["text_encoder"])


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("kind", ["embedded", "folder", "single_file"])
def test_loaded_from_a_base_it_has_the_bits_of_transformers(
    kind: str, dtype: torch.dtype, tiny: Any, tmp_path: Path
) -> None:
    folder = EMBEDDED if kind == "embedded" else tiny("sdxl")
    family = "sd15" if kind == "embedded" else "sdxl"
    base = BaseModel(model(folder, family))
    if kind == "single_file":
        file = to_single_file(folder, tmp_path / "model.safetensors")
        base = BaseModel(model(file, family, layout=kind, config_dir=str(folder)))
    for name in base.text_encoders:
        stock_class = CLIPTextModelWithProjection if name == "text_encoder_2" else CLIPTextModel
        stock = stock_class.from_pretrained(folder / name, dtype=dtype, local_files_only=True).eval()
        ours, layers = base.text_encoder(name, dtype), stock.config.num_hidden_layers
        assert all(p.dtype == dtype and not p.requires_grad for p in ours.parameters())
        with torch.no_grad():
            ids = _ids(END).clamp(max=stock.config.vocab_size - 1)
            expected = stock(input_ids=ids, output_hidden_states=True)
            for from_end in (1, 2):
                states, pooled = ours(ids, from_end)
                assert torch.equal(states, expected.hidden_states[layers + 1 - from_end])
                assert pooled is None or torch.equal(pooled, expected.text_embeds)


@pytest.mark.parametrize("change", [{"hidden_act": "relu"}, {"num_attention_heads": 5}])
def test_what_is_not_a_clip_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="is not a CLIP"):
        ClipText({**_config("gelu", END), **change})
