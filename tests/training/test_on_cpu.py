"""The faster gradients of depthwise convolutions are torch's own."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from neardup.training.config import EncoderConfig
from neardup.training.encoder import Encoder
from neardup.training.on_cpu import FastDepthwise


def gradients(x: Tensor, weight: Tensor, **options: object) -> tuple[Tensor, ...]:
    found = F.conv2d(x, weight, groups=weight.shape[0], **options)
    upstream = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    return (found, *torch.autograd.grad(found, (x, weight), upstream.to(found.dtype)))


@pytest.mark.parametrize("stride", [1, 2, (2, 3)])
@pytest.mark.parametrize(
    ("kernel", "padding"), [(1, 0), (3, 0), (3, 1), (3, (2, 0)), (5, 0), (5, 2), (5, (1, 4))]
)
def test_gradients_are_those_of_torch(kernel: int, stride: object, padding: object) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 4, 11, 14, requires_grad=True)
    weight = torch.randn(4, 1, kernel, kernel, requires_grad=True)
    expected = gradients(x, weight, stride=stride, padding=padding)
    with FastDepthwise():
        found = gradients(x, weight, stride=stride, padding=padding)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_other_convolutions_are_left_alone() -> None:
    x = torch.randn(1, 4, 8, 8)
    with FastDepthwise():
        grouped = F.conv2d(x, torch.ones(4, 2, 3, 3, requires_grad=True), groups=2)
        biased = F.conv2d(x, torch.ones(4, 1, 3, 3, requires_grad=True), torch.ones(4), groups=4)
        depthwise = F.conv2d(x, torch.ones(4, 1, 3, 3, requires_grad=True), groups=4)
    names = [found.grad_fn.name() for found in (grouped, biased, depthwise)]
    assert names == ["ConvolutionBackward0", "ConvolutionBackward0", "_DepthwiseBackward"]


def test_a_network_in_bf16_learns_as_without() -> None:
    torch.manual_seed(0)
    config = EncoderConfig(backbone="test_efficientnet", weights="random", embedding_size=8)
    encoder = Encoder(config)
    images = torch.randint(0, 256, (4, 48, 48, 3), dtype=torch.uint8)

    def learnt() -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            encoder(images)[:, 0].sum().backward()
        found = [p.grad.clone() for p in encoder.parameters()]
        encoder.zero_grad()
        return found

    expected = learnt()
    with FastDepthwise():
        found = learnt()
    # A bias before a BatchNorm that takes it away has a gradient of zero: there is but rounding.
    largest = max(float(gradient.norm()) for gradient in expected)
    compared = [
        pair for pair in zip(found, expected, strict=True) if pair[1].norm() > 1e-4 * largest
    ]
    assert len(compared) > 0.9 * len(expected)
    for ours, theirs in compared:
        assert F.cosine_similarity(ours.ravel(), theirs.ravel(), dim=0) > 0.98
