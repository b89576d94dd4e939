"""What makes a training step on a CPU faster; the numbers stay those of torch, to within rounding.

In bf16 torch takes a slow path where a depthwise convolution has a stride (gradient of the pixels)
or a kernel of 5 by 5 (gradient of the kernel): most of a step of an EfficientNet. And the system is
asked for fresh memory, and given it back, for every large tensor of every step.
"""

import ctypes
import sys
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_CONVOLUTION_BACKWARD = torch.ops.aten.convolution_backward
_ARGUMENTS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_DEFAULTS = {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}


_MALLOPT = {-1: 2**31 - 1, -2: 2**28, -4: 0}
"""M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_MAX of glibc's malloc.h, in bytes, bytes and blocks."""


def keep_freed_memory() -> None:
    """Have this process keep the memory that it frees, where its C library is glibc."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        for option, value in _MALLOPT.items():
            library.mallopt(option, value)


class FastDepthwise(TorchFunctionMode):
    """Within this context, depthwise ``conv2d`` on a CPU has the faster gradient."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Take over the convolutions that are meant; let everything else pass."""
        if func is F.conv2d:
            call: dict[str, Any] = dict(_DEFAULTS)
            call |= dict(zip(_ARGUMENTS, args, strict=False)) | (kwargs or {})
            if _is_meant(**call):
                if torch.is_autocast_enabled("cpu"):
                    dtype = torch.get_autocast_dtype("cpu")
                    call |= {name: call[name].to(dtype) for name in ("input", "weight")}
                stride, padding = _pair(call["stride"]), _pair(call["padding"])
                return _Depthwise.apply(call["input"], call["weight"], stride, padding)
        return func(*args, **(kwargs or {}))


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, 1, x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x = _of_pixels(gradient, x, weight, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            of_weight = _of_kernel(gradient, x, weight, ctx.stride, ctx.padding)
        return of_x, of_weight, None, None


def _of_pixels(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """The gradient, spread out by the stride with zeros between, under the turned kernel."""
    rows, columns = x.shape[-2:]
    kernel = weight.shape[-2:]
    top, left = (k - 1 - p for k, p in zip(kernel, padding, strict=True))
    spread = torch.empty(
        (*x.shape[:2], rows + kernel[0] - 1, columns + kernel[1] - 1),
        dtype=gradient.dtype,
        memory_format=torch.channels_last,
    ).zero_()
    down, across = stride
    height, width = gradient.shape[-2:]
    inside = spread[:, :, top : top + height * down, left : left + width * across]
    inside[:, :, ::down, ::across] = gradient
    return F.conv2d(spread, weight.flip(2, 3), groups=x.shape[1])


def _of_kernel(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """torch's own, in float32."""
    result: Tensor
    _, result, _ = _CONVOLUTION_BACKWARD(
        gradient.float(), x.float(), weight.float(), None,
        stride, padding, (1, 1), False, (0, 0), x.shape[1], (False, True, False),
    )  # fmt: skip
    return result.to(weight.dtype)


def _is_meant(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> bool:  # fmt: skip
    """A depthwise convolution on a CPU, without bias, dilation or padding by name."""
    return (
        input.device.type == "cpu"
        and input.ndim == 4
        and bias is None
        and not isinstance(padding, str)
        and _pair(dilation) == (1, 1)
        and groups == input.shape[1] == weight.shape[0]
        and groups > 1
    )


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)
