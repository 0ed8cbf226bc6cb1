"""A LoRA that a run goes on from computes what it did before, whatever its ranks, alphas and tensor names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conftest import prepare_run, read_events
from visiontrain_trainer.__main__ import main
from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.adapter.lora_format import to_kohya
from visiontrain_trainer.adapter.lora_read import Wanted, from_file
from visiontrain_trainer.base import rng
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.model.ldm_keys import unet_to_ldm
from visiontrain_trainer.model.models import BaseModel

Tensors = dict[str, torch.Tensor]


class Case:
    """The adapter of a run, and a plain computation of what a LoRA does to the run's U-Net."""

    def __init__(self, data: dict[str, Any]) -> None:
        plan = parse_plan(data)
        self._base = BaseModel(plan.model)
        self.unet = self._base.unet(torch.float32)
        self.adapter = Adapter({"unet": self.unet}, plan.training, plan.seed)
        scales = {layer.name: layer.alpha for layer in self.adapter.layers["unet"].values()}
        self.wanted = Wanted(scales, self.adapter.tensors(), plan.model.family, dict(self.unet.config))

    def weights(self, rank_of: Callable[[int], int]) -> dict[str, tuple[torch.Tensor, torch.Tensor, float]]:
        """Random down, up and alpha by module; module number i has the rank `rank_of(i)`."""
        made = {}
        for i, (module, layer) in enumerate(self.adapter.layers["unet"].items()):
            rank = rank_of(i)
            down = rng.uniform((rank, *layer.down.shape[1:]), 1, "down", module) - 0.5
            up = rng.uniform((layer.up.shape[0], rank, *layer.up.shape[2:]), 1, "up", module) - 0.5
            made[module] = (down, up, (1.0, rank / 2, 3.7)[i % 3])
        return made

    def same(self, weights: dict[str, tuple[torch.Tensor, torch.Tensor, float]]) -> None:
        """Assert that the adapter computes what the base does when the LoRA is merged into the base's weights."""
        merged = self._base.unet(torch.float32)
        for module, (down, up, alpha) in weights.items():
            weight = merged.get_submodule(module).weight
            change = torch.einsum("or,r...->o...", up.flatten(1), down) * (alpha / len(down))
            weight.data += change.reshape(weight.shape)
        x, states = torch.linspace(-1, 1, 4 * 64).reshape(1, 4, 8, 8), torch.linspace(-1, 1, 77 * 16).reshape(1, 77, 16)
        with torch.no_grad():
            ours, plain = (unet(x, 500, states).sample for unet in (self.unet, merged))
        torch.testing.assert_close(ours, plain, atol=2e-5, rtol=1e-4)
        assert (plain - self._base.unet(torch.float32)(x, 500, states).sample).abs().max() > 1e-2


def _file_of(case: Case, tensors: Tensors) -> Tensors:
    """The tensors of the LoRA file that a run of this case writes, in fp32."""
    wanted = case.wanted
    return to_kohya(tensors, wanted.scales, family="sd15", unet_config=wanted.unet_config, dtype=torch.float32)


def test_a_resized_lora_computes_what_it_did_and_all_of_it_can_learn(plan_for: Any) -> None:
    case = Case(plan_for(training={"rank": 6, "alpha": 2.5, "conv_rank": 5, "conv_alpha": 1.5}))
    weights = case.weights(lambda i: 1 + i % 5)
    stored = {}
    for module, (down, up, alpha) in weights.items():
        name = "lora_unet_" + module.replace(".", "_")
        stored |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(alpha)}
    read = from_file(stored, {}, case.wanted, "x")
    assert not read.unused and not read.lacking and 0 < len(read.padded) < len(weights)
    case.adapter.load(read.tensors)
    case.same(weights)
    # The added rank must not be zero in `down`: with zeros in both factors, neither would ever get a gradient.
    for layer in case.adapter.layers["unet"].values():
        assert bool((layer.down.flatten(1).abs().sum(1) > 0).all())


KOHYA = "lora_unet_{kohya}.lora_{way}.weight"
NAMES = {
    "kohya": KOHYA,
    "diffusers": "unet.{name}.lora_{AB}.weight",
    "diffusers, early": "unet.{name}.lora.{way}.weight",
    "diffusers, processors": "unet.{processor}_lora.{way}.weight",
    "peft": "base_model.model.{name}.lora_{AB}.weight",
    "peft, with the adapter's name": "base_model.model.{name}.lora_{AB}.default.weight",
    "OneTrainer": "unet.{name}.lora_{way}.weight",
    "LyCORIS": "lycoris_{kohya}.lora_{way}.weight",
    "ComfyUI": "diffusion_model.{ldm}.lora_{way}.weight",
}


@pytest.mark.parametrize("trainer", NAMES)
def test_names_of_other_trainers(trainer: str, plan_for: Any) -> None:
    sdxl = trainer == "ComfyUI"
    case = Case(plan_for("sdxl" if sdxl else "sd15", training={"targets": "attention", "rank": 2, "alpha": 2}))
    weights, stored = case.weights(lambda _: 2), {}
    for module, pair in weights.items():
        parent, _, leaf = module.removesuffix(".0").rpartition(".")
        words = {
            "name": module,
            "kohya": module.replace(".", "_"),
            "processor": f"{parent}.processor.{leaf}",
            "ldm": unet_to_ldm(module, case.wanted.unet_config) if sdxl else "",
        }
        for way, letter, value in zip(("down", "up"), "AB", pair, strict=False):
            stored[NAMES[trainer].format(way=way, AB=letter, **words)] = value
    read = from_file(stored, {}, case.wanted, "x")
    assert not read.unused and not read.lacking and not read.padded
    for module, (down, up, _) in weights.items():
        # A file without an alpha has the rank as alpha.
        assert torch.equal(read.tensors[f"unet.{module}.down"], down)
        assert torch.equal(read.tensors[f"unet.{module}.up"], up)


#: For each kind of file the tensors of a layer, and the name by which a run that does not train this kind refuses it.
OTHERS = [
    ("lora_unet_x.hada_w1_a", "a LoHa,"),
    ("lora_unet_x.hada_t1", "a LoHa with a Tucker core,"),
    ("lora_unet_x.lokr_w1", "a LoKr,"),
    ("lora_unet_x.dora_scale", "a DoRA,"),
    ("unet.x.lora_magnitude_vector", "a DoRA,"),
    ("lora_unet_x.oft_blocks", "an OFT,"),
    ("lora_unet_x.a1.weight", "a GLoRA,"),
    ("lora_unet_x.on_input", "(IA)³"),
    ("lora_unet_x.diff", "full differences"),
    ("lora_unet_x.oft_diag", "an OFT of an early LyCORIS,"),
]
ADAPTERS: dict[str, dict[str, Any]] = {
    "a LoRA": {},
    "a DoRA": {"dora": True},
    "a LoHa": {"adapter": "loha"},
    "a LoKr": {"adapter": "lokr", "lokr": {"factor": 4, "decompose_both": False, "full": False}},
}


@pytest.mark.parametrize(("name", "kind"), OTHERS)
def test_other_kinds_are_refused_by_name(name: str, kind: str) -> None:
    with pytest.raises(TrainingError) as caught:
        from_file({name: torch.zeros(1)}, {}, Wanted({}, {}, "sd15", {}), "x.safetensors")
    assert kind in caught.value.reason and caught.value.reason.endswith("this run trains a LoRA.")


def drawn(tensors: Tensors, key: str) -> Tensors:
    return {name: rng.uniform(tuple(tensor.shape), 7, key, name) - 0.4 for name, tensor in tensors.items()}


def changes(adapter: Adapter, tensors: Tensors) -> dict[str, torch.Tensor]:
    """The weight change of each layer, from the adapter's tensors in fp64."""
    made = {}
    for name, layer in adapter.layers["unet"].items():
        weights = {kind: tensors[f"unet.{name}.{kind}"].double() for kind in layer.weights()}
        made[name] = layer.change(weights)
    return made


@pytest.mark.parametrize("kind", ADAPTERS)
def test_each_kind_goes_on_from_its_own_file_bit_by_bit(kind: str, plan_for: Any) -> None:
    case = Case(plan_for(training={"rank": 3, "alpha": 2, "conv_rank": 2, "conv_alpha": 1.5, **ADAPTERS[kind]}))
    tensors = drawn(case.adapter.tensors(), "a")
    stored = _file_of(case, tensors)
    read = from_file(stored, {}, case.wanted, "x")
    assert not read.unused and not read.lacking and not read.padded
    assert read.tensors.keys() == tensors.keys()
    assert all(torch.equal(read.tensors[name], tensor) for name, tensor in tensors.items())
    # A run of any other kind refuses the file, and names its kind and how to train it.
    other = next(each for each in ADAPTERS if each != kind)
    with pytest.raises(TrainingError) as caught:
        from_file(stored, {}, Case(plan_for(training=ADAPTERS[other])).wanted, "x")
    assert caught.value.reason == f"x is {kind}, and this run trains {other}."
    assert "--set training." in caught.value.next_steps[1]


LOKR = {"decompose_both": False, "full": False}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"dora": True}, {"dora": True}),
        ({"adapter": "loha"}, {"adapter": "loha"}),
        ({"adapter": "lokr", "lokr": {"factor": 8, **LOKR}}, {"adapter": "lokr", "lokr": {"factor": 8, **LOKR}}),
        # Factors that the run keeps whole are multiplied.
        (
            {"adapter": "lokr", "lokr": {**LOKR, "factor": 8, "decompose_both": True}},
            {"adapter": "lokr", "lokr": {**LOKR, "factor": 8, "full": True}},
        ),
        (
            {"adapter": "lokr", "lokr": {**LOKR, "factor": 8, "decompose_both": True}},
            {"adapter": "lokr", "lokr": {**LOKR, "factor": 8, "decompose_both": True}},
        ),
    ],
)
def test_a_lower_rank_and_another_alpha_compute_what_they_did(theirs: Any, ours: Any, plan_for: Any) -> None:
    low = Case(plan_for(training={"rank": 1, "alpha": 2.5, "conv_rank": 1, "conv_alpha": 1.5, **theirs}))
    tensors = drawn(low.adapter.tensors(), "a")
    stored = _file_of(low, tensors)
    case = Case(plan_for(training={"rank": 3, "alpha": 0.7, "conv_rank": 2, "conv_alpha": 1, **ours}))
    read = from_file(stored, {}, case.wanted, "x")
    assert not read.unused and not read.lacking
    # The change of a DoRA includes its base.
    expected, found = changes(low.adapter, tensors), changes(case.adapter, read.tensors)
    for name, change in expected.items():
        torch.testing.assert_close(found[name], change, rtol=1e-5, atol=1e-6)
        assert change.abs().max() > 1e-4
    case.adapter.load(read.tensors)
    for name, layer in case.adapter.layers["unet"].items():
        layer.change(dict(layer.weights())).square().sum().backward()
        for kind, weight in layer.weights().items():
            # The part that is added to a LoHa, or to one half of another kind, gets a gradient from the other half.
            grads = weight.grad.flatten(1).abs()
            assert bool((grads.sum() > 0).all()), f"{name}.{kind}"


@pytest.mark.parametrize(
    ("theirs", "ours", "said", "cure"),
    [
        ({"factor": 4}, {"factor": 8}, "is split into parts of", "training.lokr.factor"),
        ({"full": True}, {}, "lokr_w2 is whole", "training.lokr.full to true"),
        ({}, {"decompose_both": True, "factor": 16}, "is whole", "training.lokr.decompose_both to false"),
    ],
)
def test_a_lokr_of_another_form_is_refused(theirs: Any, ours: Any, said: str, cure: str, plan_for: Any) -> None:
    def case(lokr: Any) -> Case:
        return Case(plan_for(training={"rank": 1, "adapter": "lokr", "lokr": {"factor": 16, **LOKR, **lokr}}))

    low = case(theirs)
    stored = _file_of(low, low.adapter.tensors())
    with pytest.raises(TrainingError) as caught:
        from_file(stored, {}, case(ours).wanted, "x")
    assert said in caught.value.reason and cure in " ".join(caught.value.next_steps)


def test_a_dora_by_outputs_and_ranks_that_differ_in_a_layer_are_refused(plan_for: Any) -> None:
    for training, name, value, said in (
        ({"dora": True}, "dora_scale", lambda t: t.reshape(-1, 1), "the lengths of"),
        ({"adapter": "loha"}, "hada_w2_b", lambda t: t[:1], "the file is damaged"),
        ({"adapter": "loha"}, "hada_w1_b", lambda t: t[:, :-1], "has the shape"),
    ):
        case = Case(plan_for(training={"rank": 2, "alpha": 1, **training}))
        stored = _file_of(case, case.adapter.tensors())
        key = next(each for each in stored if each.endswith(name))
        stored[key] = value(stored[key])
        with pytest.raises(TrainingError) as caught:
            from_file(stored, {}, case.wanted, "x")
        assert said in caught.value.reason


def test_a_tucker_core_becomes_part_of_a_plain_locon(plan_for: Any) -> None:
    case = Case(plan_for(training={"rank": 2, "alpha": 2, "conv_rank": 3, "conv_alpha": 2}))
    tensors = drawn(case.adapter.tensors(), "a")
    stored = _file_of(case, tensors)
    expected = changes(case.adapter, tensors)
    count = 0
    for name, layer in case.adapter.layers["unet"].items():
        if not layer.kernel or max(layer.kernel) == 1:
            continue
        stem, inputs, count = "lora_unet_" + name.replace(".", "_"), layer.sides[1], count + 1
        core = rng.uniform((3, 3, *layer.kernel), 1, "core", name) - 0.5
        down = rng.uniform((3, inputs, 1, 1), 1, "down", name) - 0.5
        stored |= {f"{stem}.lora_mid.weight": core, f"{stem}.lora_down.weight": down}
        up = tensors[f"unet.{name}.up"].double().flatten(1)
        expected[name] = torch.einsum("om,mnkl,ni->oikl", up, core.double(), down.double().flatten(1)) * (2 / 3)
    read = from_file(stored, {}, case.wanted, "x")
    assert count > 0 and not read.unused and not read.lacking and not read.padded
    for name, change in changes(case.adapter, read.tensors).items():
        torch.testing.assert_close(change, expected[name], rtol=1e-5, atol=1e-6)


def test_what_the_file_lacks_is_said(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    first = train_here(plan_for(training={"steps": 1, "warmup_steps": 0}), "first")
    stored = load_file(first.folder / first.of("output")[0]["path"])
    kept = {name: value for name, value in stored.items() if "mid_block" not in name}
    file = tmp_path / "some.safetensors"
    save_file({**kept, "bundle_emb.zwx.string_to_param.*": torch.zeros(2, 16)}, file)
    run = train_here(plan_for(training={"steps": 1, "warmup_steps": 0, "rank": 5, "init_lora": str(file)}), "second")
    said = " ".join(event["text"] for event in run.of("note"))
    assert "it holds the embedding zwx, which is not trained" in said
    assert (
        f"it lacks {(len(stored) - len(kept)) // 3} of the {len(stored) // 3} layers of this run (unet.mid_block"
        in said
    )
    assert f"{len(kept) // 3} of its layers have a lower rank than this run" in said


@pytest.mark.parametrize(
    ("change", "reason"), [("rank", "has the rank 4, the layer of this run 3"), ("names", "none of its layers")]
)
def test_unfit_files_are_refused(change: str, reason: str, train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    first = train_here(plan_for(training={"steps": 1, "warmup_steps": 0}), "first")
    stored = load_file(first.folder / first.of("output")[0]["path"])
    if change == "names":
        stored = {name.replace("lora_unet", "lora_prior_unet"): value for name, value in stored.items()}
    save_file(stored, tmp_path / "other.safetensors")
    plan = plan_for(training={"rank": 3, "init_lora": str(tmp_path / "other.safetensors")})
    assert main([str(prepare_run(tmp_path / "run", plan))]) == 5
    assert reason in read_events(tmp_path / "run")[-1]["reason"]
