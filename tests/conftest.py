from collections.abc import Callable
from pathlib import Path

import numpy as np
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
