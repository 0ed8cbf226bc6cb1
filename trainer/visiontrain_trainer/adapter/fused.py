"""A linear layer with its LoRA, and GEGLU after such a layer, in as few CUDA kernels as plain PyTorch allows.

Each sum is added by the matrix product that computes its second term (`addmm`). On an H100 the sums alone took a tenth
of a step of SDXL, and GEGLU an eighth, because the halves of one tensor are slow to read
(bench/results/trainer-gpu.txt). Shapes: W [out, in], down [rank, in], up [out, rank], x [..., in]; s is alpha ÷ rank.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

Tensor = torch.Tensor


def _scaled(like: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """s · a b. `like` is not added (beta is 0); only its shape and number format matter."""
    return torch.addmm(like, a, b, beta=0, alpha=scale)


class FusedLinear(torch.autograd.Function):
    """x Wᵀ + b + s · (x downᵀ) upᵀ, with gradients for x, down and up; W and b are those of the frozen layer `base`.

    W is asked for anew in the backward pass: where it is packed, it is not to be kept until then.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, base: nn.Module, down: Tensor, up: Tensor, s: float) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        h = rows @ down.t()
        y = F.linear(rows, base.weight, base.bias).addmm_(h, up.t(), alpha=s)
        ctx.save_for_backward(rows, h, down, up)
        ctx.base, ctx.s, ctx.shape = base, s, x.shape
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, h, down, up = ctx.saved_tensors
        grad = grad.reshape(-1, grad.shape[-1])
        of_h = grad @ up
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (grad @ ctx.base.weight).addmm_(of_h, down, alpha=ctx.s).view(ctx.shape)
        return of_x, None, _scaled(down, of_h.t(), rows, ctx.s), _scaled(up, grad.t(), h, ctx.s), None


class FusedGeglu(torch.autograd.Function):
    """a · gelu(b) (arXiv:2002.05202), where a and b are the halves of FusedLinear's result, each a tensor of its own.

    The backward pass computes gelu(b) again, so that it need not be kept. That costs one more kernel, and saves 42 MB
    for each block of SDXL at 1024² pixels and batch size 4.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, base: nn.Module, down: Tensor, up: Tensor, s: float) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        h = rows @ down.t()
        biases = (None, None) if base.bias is None else base.bias.chunk(2)
        halves = zip(base.weight.chunk(2), biases, up.chunk(2), strict=True)
        a, b = (F.linear(rows, w, bias_of).addmm_(h, u.t(), alpha=s) for w, bias_of, u in halves)
        ctx.save_for_backward(rows, h, a, b, down, up)
        ctx.base, ctx.s, ctx.shape = base, s, x.shape
        return (a * F.gelu(b)).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, h, a, b, down, up = ctx.saved_tensors
        grad = grad.reshape(-1, grad.shape[-1])
        of_b = torch.ops.aten.gelu_backward(grad * a, b)
        of_a = grad * F.gelu(b)
        up_a, up_b = up.chunk(2)
        of_h = (of_a @ up_a).addmm_(of_b, up_b)
        of_x = None
        if ctx.needs_input_grad[0]:
            weight_a, weight_b = ctx.base.weight.chunk(2)
            of_x = (of_a @ weight_a).addmm_(of_b, weight_b).addmm_(of_h, down, alpha=ctx.s).view(ctx.shape)
        of_up = torch.cat([_scaled(up_a, of_a.t(), h, ctx.s), _scaled(up_b, of_b.t(), h, ctx.s)])
        return of_x, None, _scaled(down, of_h.t(), rows, ctx.s), of_up, None


def fuse_geglu(unet: nn.Module) -> None:
    """Make diffusers' GEGLU modules use FusedGeglu where their projection has a LoRA whose layer `fuses`."""

    def forward(module: nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        layer = module.proj
        return layer.fused(FusedGeglu, x) if layer.fuses(x) else type(module).forward(module, x, *args, **kwargs)

    for module in unet.modules():
        if type(module).__name__ == "GEGLU" and hasattr(module.proj, "fuses"):
            module.forward = types.MethodType(forward, module)
