"""Textured dead leaves (Lee, Mumford & Huang 2001, "Occlusion models for natural images").

Opaque shapes fall on each other; the number of shapes of radius r goes as r ** -3, which makes the
picture look alike at every scale. Here each also has its own colour, shading and texture.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from neardup.procedural.noise import grain
from neardup.procedural.palette import Float, draw_palette

_TILE = 96  # side of a texture, px
_TEXTURES = 2


def _outlines(rng: np.random.Generator, height: int, width: int) -> tuple[Float, Float]:
    """Random outlines in random order, enough to cover the frame about three times.

    Returns:
        centres (count, 2) as x, y and vertices (count, V, 2), pixels.
    """
    # radii as shares of the shorter side, with density r ** -3 between these two
    smallest, largest = np.exp(rng.uniform(np.log(0.016), np.log(0.06))), rng.uniform(0.25, 0.6)
    mean_area = 2 * np.pi * np.log(largest / smallest) / (smallest**-2 - largest**-2)
    count = int(min(3 / mean_area, 450))
    uniform = rng.random(count)
    radius = (smallest**-2 + uniform * (largest**-2 - smallest**-2)) ** -0.5
    radius = radius * min(height, width)
    corners = int(rng.choice([3, 4, 5, 6, 12, 16]))
    angle = np.sort(rng.random((count, corners)), axis=1) if rng.random() < 0.3 else None
    if angle is None:
        angle = np.arange(corners)[None, :] / corners + rng.random((count, 1))
    angle = angle * 2 * np.pi
    waves = rng.integers(1, 4, (count, 1))
    ripple = 1 + rng.uniform(0, 0.6) * np.cos(waves * angle + rng.uniform(0, 6.3, (count, 1)))
    aspect = np.exp(rng.normal(0, rng.uniform(0.1, 0.7), (count, 1)))
    tilt = rng.normal(rng.uniform(0, np.pi), rng.choice([0.1, 3.0]), (count, 1))
    x = radius[:, None] * ripple * np.cos(angle) * aspect
    y = radius[:, None] * ripple * np.sin(angle) / aspect
    turned = np.stack(
        [x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt)], axis=-1
    )
    centres = rng.random((count, 2)) * [width, height]
    return centres.astype(np.float32), (centres[:, None, :] + turned).astype(np.float32)


def _tiles(rng: np.random.Generator) -> NDArray[np.float32]:
    """The textures of one picture end to end, (_TEXTURES * _TILE * _TILE,) float32."""
    return np.concatenate([grain(rng, _TILE, _TILE, 1).ravel() for _ in range(_TEXTURES)])


def dead_leaves(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """A picture of overlapping shaded, textured shapes.

    Returns:
        (H, W, 3) float32, mostly in [0, 255], unclipped.
    """
    centres, vertices = _outlines(rng, 2 * height, 2 * width)
    count = len(centres)
    canvas = Image.new("I", (2 * width, 2 * height), 0)  # twice the size, for smooth borders
    draw = ImageDraw.Draw(canvas)
    for leaf, outline in enumerate(vertices.reshape(count, -1).tolist(), start=1):
        draw.polygon(outline, fill=leaf)
    leaves = np.asarray(canvas)

    colours = draw_palette(rng).colours(rng, count + 1)
    borders_smooth = Image.fromarray(colours.astype(np.uint8).take(leaves, axis=0)).reduce(2)
    picture = np.asarray(borders_smooth).astype(np.float32)

    leaves = leaves[::2, ::2]
    rows, columns = np.arange(height, dtype=np.int32)[:, None], np.arange(width, dtype=np.int32)
    within = (rows % _TILE) * _TILE + columns % _TILE
    tiles = _tiles(rng)
    offset = rng.integers(0, len(tiles), count + 1, dtype=np.int32)
    texture = tiles.take((within + offset.take(leaves)) % len(tiles))
    strength = rng.gamma(2.0, rng.uniform(4, 14), count + 1).astype(np.float32)

    slope = rng.normal(0, rng.uniform(10, 60), (count + 1, 2)) / min(height, width)
    slope = slope.astype(np.float32)
    middle = np.concatenate([[[width, height]], centres]) / 2
    level = -(slope * middle).sum(axis=1).astype(np.float32)
    across, down = np.ascontiguousarray(slope.T)
    shading = across.take(leaves) * columns + down.take(leaves) * rows + level.take(leaves)
    shading += texture * strength.take(leaves)
    picture += shading[..., None]
    return picture
