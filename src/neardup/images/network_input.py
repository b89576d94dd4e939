"""From a picture of any size to the encoder's input: the same for training and inference."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from neardup.images.reading import ImageSource, read_image

PREPROCESSING = {
    "colour": "RGB, 8 bits",
    "resize": "squashed to a square, aspect ratio not kept",
    "filter": "Pillow BILINEAR, antialiased, reducing_gap 3",
    "background": "white",
    "normalisation": "inside the network",
}
"""The statement of this file that a bundle carries."""


def to_input(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Squash a picture to the square the encoder sees.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: side of the square, pixels.

    Returns:
        (size, size, 3) uint8 RGB. Normalisation by mean and deviation is inside the network.
    """
    if image.shape[:2] == (size, size):
        return image
    square = Image.fromarray(image).resize(
        (size, size), Image.Resampling.BILINEAR, reducing_gap=3.0
    )
    return np.array(square)


def to_batch(images: Sequence[npt.NDArray[np.uint8]], size: int) -> npt.NDArray[np.uint8]:
    """Squash and stack B pictures of any sizes: (B, size, size, 3) uint8 RGB."""
    if not images:
        return np.empty((0, size, size, 3), dtype=np.uint8)
    return np.stack([to_input(image, size) for image in images])


def load_input(source: ImageSource, size: int) -> npt.NDArray[np.uint8]:
    """Read a picture and squash it: (size, size, 3) uint8 RGB.

    The decoder may shrink it first, to no less than twice ``size``, which changes little and
    makes large JPEG files several times faster.

    Raises:
        ImageError: the picture cannot be read.
    """
    return to_input(read_image(source, min_side=2 * size), size)


MAX_DEVIATION = 2.0
"""Grey levels of 255. A dot of 0.1 % of a white page already deviates by 8."""


def is_blank(square: npt.NDArray[np.uint8]) -> bool:
    """Whether every channel of a (S, S, 3) uint8 picture is nearly constant."""
    return bool(square.reshape(-1, 3).std(axis=0).max() <= MAX_DEVIATION)
