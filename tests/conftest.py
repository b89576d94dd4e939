from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from toy_bundle import save_toy_bundle

Picture = Callable[..., Image.Image]


@pytest.fixture(scope="session")
def toy_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle folder with a hand-made encoder: near-duplicates are close, others far."""
    return save_toy_bundle(tmp_path_factory.mktemp("toy") / "bundle").directory


@pytest.fixture(scope="session")
def picture() -> Picture:
    """Make a smooth random colour picture: ``picture(seed, size=(width, height))``."""

    def make(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)

    return make


@pytest.fixture(scope="session")
def textured() -> Callable[[int], npt.NDArray[np.uint8]]:
    """Make a picture, (300, 300, 3) uint8, that has keypoints: ``textured(index)``."""

    def make(index: int) -> npt.NDArray[np.uint8]:
        coarse = np.random.default_rng(index).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((300, 300), Image.Resampling.BICUBIC)
        pixels = np.array(smooth)
        rng = np.random.default_rng([index, 1])
        for _ in range(120):
            x, y = rng.integers(0, 280, 2)
            width, height = rng.integers(4, 20, 2)
            pixels[y : y + height, x : x + width] = rng.integers(0, 256, 3)
        return pixels

    return make
