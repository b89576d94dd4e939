"""What the faster gradients of depthwise convolutions are worth on this CPU.

    python benchmarks/depthwise.py [--backbone tf_efficientnet_lite0] [--size 128] [--batch 128]

Forward and backward pass of a backbone in bf16, with torch's gradients and with those of
``neardup.training.on_cpu``, in turn; the median of the rounds counts.
"""

import argparse
import time
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import timm
import torch

from neardup.training.on_cpu import FastDepthwise, keep_freed_memory


def main() -> None:
    """Time both and print images/s and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128, help="side of the pictures, pixels")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    keep_freed_memory()
    network = timm.create_model(options.backbone, num_classes=0).train()
    network = network.to(memory_format=torch.channels_last)
    shape = options.batch, 3, options.size, options.size
    images = torch.randn(shape).contiguous(memory_format=torch.channels_last)

    def seconds(context: AbstractContextManager[object]) -> float:
        started = time.perf_counter()
        with context, torch.autocast("cpu", torch.bfloat16):
            features = network(images)
        features.float().square().mean().backward()
        return time.perf_counter() - started

    ways = {"torch": nullcontext, "neardup": FastDepthwise}
    for way in ways.values():
        seconds(way())
    rounds = [[seconds(way()) for way in ways.values()] for _ in range(options.rounds)]
    speeds = options.batch / np.median(rounds, axis=0)
    for name, speed in zip(ways, speeds, strict=True):
        print(f"{name}: {speed:.1f} images/s")
    print(f"ratio {speeds[1] / speeds[0]:.2f}")


if __name__ == "__main__":
    main()
