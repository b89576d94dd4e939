"""What the faster depthwise gradients and frozen stages are worth on this CPU.

    python benchmarks/step.py [--backbone tf_efficientnet_lite0] [--size 160] [--frozen 3]

Forward and backward pass of an encoder in bf16: with torch's gradients, with those of
``neardup.training.on_cpu``, and with those and ``encoder.frozen_stages``, in turn; the median of
the rounds counts.
"""

import argparse
import time
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch

from neardup.training.config import EncoderConfig
from neardup.training.encoder import Encoder
from neardup.training.on_cpu import FastDepthwise, keep_freed_memory


def main() -> None:
    """Time all three; print images/s, each with its ratio to the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--size", type=int, default=160, help="side of the pictures, pixels")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--frozen", type=int, default=3, help="encoder.frozen_stages")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    keep_freed_memory()
    shape = options.batch, options.size, options.size, 3
    images = torch.randint(0, 256, shape, dtype=torch.uint8)

    def build(frozen_stages: int) -> Encoder:
        config = EncoderConfig(
            backbone=options.backbone, weights="random", frozen_stages=frozen_stages
        )
        return Encoder(config, image_size=options.size).to(memory_format=torch.channels_last)

    def seconds(encoder: Encoder, context: AbstractContextManager[object]) -> float:
        started = time.perf_counter()
        with context, torch.autocast("cpu", torch.bfloat16):
            embeddings = encoder(images)
        embeddings[:, 0].sum().backward()
        return time.perf_counter() - started

    whole, frozen = build(0), build(options.frozen)
    ways = {
        "torch's gradients": (whole, nullcontext),
        "neardup's": (whole, FastDepthwise),
        f"neardup's, {options.frozen} stages frozen": (frozen, FastDepthwise),
    }
    rounds = [
        [seconds(encoder, context()) for encoder, context in ways.values()]
        for _ in range(1 + options.rounds)
    ]
    speeds = options.batch / np.median(rounds[1:], axis=0)  # the first warms up
    for name, speed in zip(ways, speeds, strict=True):
        print(f"{name}: {speed:.1f} images/s, {speed / speeds[0]:.2f} times the first")


if __name__ == "__main__":
    main()
