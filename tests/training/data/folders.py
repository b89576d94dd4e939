"""Folders of small distinct pictures for the tests of this directory."""

from pathlib import Path

import numpy as np
from PIL import Image

from neardup.procedural import generate


def fill(folder: Path, count: int, *, first: int = 0, size: int = 48) -> list[Path]:
    """Write `count` distinct PNG pictures and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{index:03}.png" for index in range(first, first + count)]
    for index, path in enumerate(paths, start=first):
        save(generate(77, index, size), path)
    return paths


def save(pixels: np.ndarray, path: Path) -> None:
    Image.fromarray(pixels).save(path)
