"""Facts about images, computed again in exactly the form of `src/engine/plan/facts.ts`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from visiontrain_trainer.contract.plan import read_plan
from visiontrain_trainer.data.batches import without
from visiontrain_trainer.data.facts import counted_again

FILE = Path(__file__).parents[3] / "test" / "fixtures" / "plan.json"


def test_all_images_give_the_facts_that_typescript_wrote() -> None:
    plan = read_plan(FILE)
    assert counted_again(plan.output.facts, plan.data, plan.name) == plan.output.facts
    assert counted_again({}, plan.data, plan.name) == {}


def test_images_that_are_left_out_are_not_counted() -> None:
    plan = read_plan(FILE)
    gone = next(sample for sample in plan.data.images if sample.path.startswith("10_fox/"))
    facts = without(plan, {gone.id: "cannot be read"}).output.facts
    assert json.loads(facts["ss_tag_frequency"]) == {"fox": {"zfx": 2}}
    assert json.loads(facts["ss_dataset_dirs"]) == {"fox": {"n_repeats": 1, "img_count": 2}}
    assert facts["ss_resolution"] == plan.output.facts["ss_resolution"]


def test_names_and_numbers_have_the_form_of_javascript() -> None:
    plan = read_plan(FILE)
    sample = replace(plan.data.images[0], size=(512, 512), bucket=(512, 512))
    samples = [replace(sample, path=f"{folder}/a.png", caption="ü, b, a") for folder in ("b", "10", "9")]
    facts = counted_again(plan.output.facts, replace(plan.data, images=samples), plan.name)
    assert facts["ss_tag_frequency"].startswith('{"9":{"a":1,"b":1,"ü":1},"10":')
    assert facts["ss_bucket_info"].endswith('"mean_img_ar_error":0}')


def test_regularisation_images_are_counted_apart_and_drawn_sizes_evenly() -> None:
    plan = read_plan(FILE)
    first = replace(plan.data.images[0], id="a", path="fox/a.png", bucket=(64, 64), repeats=3, regularisation=False)
    samples = [
        *(first, replace(first, id="a@32", bucket=(32, 32))),
        replace(first, id="b", path="/others/toy/b.png", repeats=1, regularisation=True, caption="toy"),
    ]
    data = replace(plan.data, images=samples, resolution_use="draw")
    facts = counted_again({**plan.output.facts, "ss_reg_dataset_dirs": ""}, data, plan.name)
    assert json.loads(facts["ss_dataset_dirs"]) == {"fox": {"n_repeats": 3, "img_count": 1}}
    assert json.loads(facts["ss_reg_dataset_dirs"]) == {"toy": {"n_repeats": 1, "img_count": 1}}
    assert "toy" not in facts["ss_tag_frequency"]
    buckets = json.loads(facts["ss_bucket_info"])["buckets"]
    assert {tuple(each["resolution"]): each["count"] for each in buckets.values()} == {(64, 64): 2, (32, 32): 1}
