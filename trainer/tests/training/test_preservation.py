"""Prior preservation: the loss that keeps predictions for the class, and its gradient, against the formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.run.test_right import open_here
from visiontrain_trainer.base import rng
from visiontrain_trainer.contract.plan import Preservation
from visiontrain_trainer.data.captions import preserved
from visiontrain_trainer.run.session import Session

KEPT = {"trigger": "zwx", "class_word": "a toy", "weight": 0.7}


def test_the_class_stands_in_place_of_the_trigger() -> None:
    plan = Preservation(class_word="a toy", weight=1.0, trigger="zwx")
    assert preserved(plan, "zwx, red, zwx") == "a toy, red, a toy"
    assert preserved(Preservation(class_word="", weight=1.0, trigger="zwx"), "zwx, red") == ""


def _by_hand(session: Session) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Loss of each image and gradients of step 0, with both terms in one backward pass."""
    step, adapter = session.train_step, session.adapter
    (uses,) = session.batches.step(0)
    batch = step._builder.batch(uses)
    inputs = step.passes.inputs(batch)
    kept = {**inputs, "states": batch.kept_states}
    if batch.kept_pooled is not None:
        kept["text_embeds"] = batch.kept_pooled
    adapter.enable(False)
    with torch.no_grad():
        base = step.passes.predict(kept)
    adapter.enable(True)
    adapter.zero_grad()
    own = ((step.passes.predict(inputs) - inputs["target"]) ** 2).mean((1, 2, 3))
    loss = own + 0.7 * ((step.passes.predict(kept) - base) ** 2).mean((1, 2, 3))
    loss.mean().backward()
    return loss.detach(), {part: grad.clone() for part, grad in adapter.flat_grad.items()}


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_loss_and_gradient(family: str, plan_for: Any, tmp_path: Any) -> None:
    training = {"preservation": KEPT, "max_grad_norm": 0}
    session = open_here(tmp_path / "run", plan_for(family, training=training))
    plain = open_here(tmp_path / "plain", plan_for(family, training={"max_grad_norm": 0}))
    # Before the first step the LoRA changes nothing, so nothing has to be kept.
    assert session.train_step.run(0).read().losses == plain.train_step.run(0).read().losses
    session = open_here(tmp_path / "again", plan_for(family, training=training))
    session.adapter.load({n: 0.1 * rng.normal(t.shape, 1, "test", n) for n, t in session.adapter.tensors().items()})
    losses, gradients = _by_hand(session)
    found = session.train_step.run(0).read().losses
    assert found == pytest.approx(losses.tolist(), rel=1e-5)
    for part, gradient in gradients.items():
        torch.testing.assert_close(session.adapter.flat_grad[part], gradient, rtol=1e-4, atol=1e-6)
    # The text of the class is the one to be preserved, and not that of the trigger.
    assert found != pytest.approx(plain.train_step.run(0).read().losses, rel=1e-3)
