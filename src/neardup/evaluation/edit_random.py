"""What the edits share: the pixel type and the draw of a direction."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""An image (H, W, 3) uint8 RGB."""


def either_way(factor: float, rng: np.random.Generator) -> float:
    """``factor`` or its inverse, with equal chance."""
    return factor if rng.random() < 0.5 else 1 / factor


def from_pil(image: Image.Image) -> Pixels:
    """Pillow's RGB image as a new (H, W, 3) uint8 array."""
    return np.array(image.convert("RGB"))
