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
from torch.nn.grad import conv2d_weight
from torch.overrides import TorchFunctionMode

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
        kwargs = kwargs or {}
        return (_conv2d if func is F.conv2d else func)(*args, **kwargs)


def _conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """torch's own, unless it is depthwise on a CPU, without bias, dilation or padding by name."""
    depthwise = input.ndim == 4 and groups == input.shape[1] == weight.shape[0] and groups > 1
    plain = bias is None and not isinstance(padding, str) and _pair(dilation) == (1, 1)
    if input.device.type != "cpu" or not depthwise or not plain:
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        input, weight = input.to(dtype), weight.to(dtype)
    found: Tensor = _Depthwise.apply(input, weight, _pair(stride), _pair(padding))
    return found


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
    found: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
        x.float(), weight.shape, gradient.float(), stride, padding, groups=x.shape[1]
    )
    return found.to(weight.dtype)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)
