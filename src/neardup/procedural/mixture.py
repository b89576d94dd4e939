"""Which kind of picture an index is, its frame, and the light that falls on it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from neardup.procedural.dead_leaves import dead_leaves
from neardup.procedural.fractal import fractal
from neardup.procedural.noise import noise
from neardup.procedural.palette import Float
from neardup.procedural.shapes import geometry, scene
from neardup.procedural.text import text

_Maker = Callable[[np.random.Generator, int, int], Float]
_MAKERS: dict[str, tuple[float, _Maker]] = {  # share of the pictures, how they are made
    "dead_leaves": (0.34, dead_leaves),
    "noise": (0.18, noise),
    "fractal": (0.12, fractal),
    "geometry": (0.10, geometry),
    "scene": (0.12, scene),
    "text": (0.14, text),
}
KINDS = tuple(_MAKERS)
_EDGES = np.cumsum([share for share, _ in _MAKERS.values()])


def _start(seed: int, index: int) -> tuple[np.random.Generator, str]:
    """The random stream of one picture and its kind, the first thing drawn from it."""
    rng = np.random.default_rng((seed, index))
    chosen = int(np.searchsorted(_EDGES, rng.random() * _EDGES[-1], side="right"))
    return rng, KINDS[min(chosen, len(KINDS) - 1)]


def _frame(rng: np.random.Generator, size: int) -> tuple[int, int]:
    """Height and width: the shorter side is `size`, the longer up to 4/3 of it."""
    longer = round(size * rng.choice([1, 4 / 3, rng.uniform(1, 4 / 3)]))
    return (size, longer) if rng.random() < 0.6 else (longer, size)


def _light(rng: np.random.Generator, picture: Float) -> Float:
    """Smooth uneven light, as in a room: multiply by a 4 x 4 random field, enlarged."""
    height, width, _ = picture.shape
    field = rng.normal(1, rng.uniform(0.05, 0.25), (4, 4)).astype(np.float32)
    smooth = Image.fromarray(field).resize((width, height), Image.Resampling.BICUBIC)
    lit: Float = picture * np.asarray(smooth)[..., None]
    return lit


def kind_of(seed: int, index: int) -> str:
    """The kind of the picture that `generate` makes; one of `KINDS`."""
    return _start(seed, index)[1]


def generate(seed: int, index: int, size: int = 128) -> NDArray[np.uint8]:
    """Picture `index` of the endless collection `seed`.

    The same arguments give the same picture in every process, with the same versions of numpy,
    scipy and Pillow (across versions, or processors, single grey levels may differ).

    Args:
        seed, index: >= 0.
        size: shorter side in pixels, >= 16.

    Returns:
        (H, W, 3) uint8 RGB, min(H, W) == size, aspect between 3:4 and 4:3.

    Raises:
        ValueError: a negative seed or index, or size < 16.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must be >= 0, got {seed} and {index}")
    if size < 16:
        raise ValueError(f"size must be >= 16 pixels, got {size}")
    rng, kind = _start(seed, index)
    height, width = _frame(rng, size)
    picture = _MAKERS[kind][1](rng, height, width)
    if kind != "text" and rng.random() < 0.6:
        picture = _light(rng, picture)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    if kind != "text" and rng.random() < 0.35:  # a lens is never quite sharp
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 0.9)))
    return np.asarray(image)
