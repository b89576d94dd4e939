"""Squash pictures to the encoder's square with torch, on any device and faster than Pillow does."""

import torch
from torch import Tensor
from torch.nn import functional as F


def squash(pictures: Tensor, size: int) -> Tensor:
    """As :func:`neardup.preprocess.to_input` does, where the pictures are.

    To within one level of 255; five where a side shrinks by six or more, which Pillow does in two
    steps.

    Args:
        pictures: (B, H, W, 3) uint8 RGB.
        size: side of the square, pixels.

    Returns:
        (B, size, size, 3) uint8; the argument itself where that is its size.
    """
    if pictures.shape[1:3] == (size, size):
        return pictures
    pixels = pictures.permute(0, 3, 1, 2)
    on_cpu = pixels.device.type == "cpu"  # elsewhere torch antialiases floating point only
    pixels = pixels if on_cpu else pixels.float()
    pixels = F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True)
    pixels = pixels if on_cpu else pixels.round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1)
