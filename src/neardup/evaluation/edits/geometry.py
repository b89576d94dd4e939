"""Edits that move, crop, resize or frame the picture.

Every function takes an image (H, W, 3) uint8 RGB and returns one, of its own height and width.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from neardup.evaluation.edits.pixels import Pixels, from_pil

_TEXT = "look at this sunday morning the best picture ever for sale only today contact us"


def zoom(image: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Crop a window of 1/``factor`` of each side at a random place; not resized."""
    height, width = image.shape[:2]
    rows, columns = max(1, round(height / factor)), max(1, round(width / factor))
    top = int(rng.integers(height - rows + 1))
    left = int(rng.integers(width - columns + 1))
    return image[top : top + rows, left : left + columns].copy()


def rotation(image: Pixels, degrees: float, rng: np.random.Generator) -> Pixels:
    """Turn by ``degrees`` to either side about the centre.

    Quarter turns keep all pixels and swap the sides. Other angles keep the canvas; its empty
    corners take the picture's mean colour.
    """
    signed = degrees if rng.random() < 0.5 else -degrees
    if degrees % 90 == 0:
        return np.rot90(image, k=round(signed / 90)).copy()
    mean = tuple(round(float(channel)) for channel in image.reshape(-1, 3).mean(axis=0))
    turned = Image.fromarray(image).rotate(signed, Image.Resampling.BILINEAR, fillcolor=mean)
    return from_pil(turned)


def mirror(image: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Swap left and right; 0 leaves the picture alone."""
    return image[:, ::-1].copy() if severity else image.copy()


def aspect(image: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Stretch the width, or else the height, by ``factor``."""
    height, width = image.shape[:2]
    if rng.random() < 0.5:
        return _resize(image, height, round(width * factor))
    return _resize(image, round(height * factor), width)


def downscale(image: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Shrink both sides by ``factor``."""
    height, width = image.shape[:2]
    return _resize(image, round(height / factor), round(width / factor))


def thumbnail(image: Pixels, side: float, rng: np.random.Generator) -> Pixels:
    """Shrink the longer side to ``side`` pixels; a smaller picture stays as it is."""
    return downscale(image, max(1.0, max(image.shape[:2]) / side), rng)


def perspective(image: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Pull each corner inwards by up to ``share`` of the side; the edges become grey."""
    height, width = image.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    inwards = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    moved = corners + inwards * rng.uniform(share / 3, share, (4, 2)) * (width, height)
    rows, results = [], []
    for (x, y), (u, v) in zip(moved, corners, strict=True):  # from the new place to the old
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
        results += [u, v]
    coefficients = np.linalg.solve(np.array(rows), np.array(results))
    seen = Image.fromarray(image).transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        coefficients.tolist(),
        Image.Resampling.BILINEAR,
        fillcolor=(128, 128, 128),
    )
    return from_pil(seen)


def border(image: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Frame in black, white or one grey, ``share`` of the shorter side wide, on all four sides."""
    wide = max(1, round(min(image.shape[:2]) * share))
    grey = int(rng.choice([0, 255, int(rng.integers(256))]))
    return np.pad(image, ((wide, wide), (wide, wide), (0, 0)), constant_values=grey)


def caption(image: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Put a band with words below the picture, ``share`` of its height; dark on white or not."""
    height, width = image.shape[:2]
    band_height = max(8, round(height * share))
    paper, ink = (255, 0) if rng.random() < 0.5 else (0, 255)
    band = Image.new("RGB", (width, band_height), (paper,) * 3)
    text = " ".join(rng.choice(_TEXT.split(), size=5))
    font = ImageFont.load_default(size=max(6, round(band_height * 0.6)))
    ImageDraw.Draw(band).text((4, band_height * 0.12), text, fill=(ink,) * 3, font=font)
    return np.concatenate([image, from_pil(band)])


def _resize(image: Pixels, height: int, width: int) -> Pixels:
    size = (max(1, width), max(1, height))
    return from_pil(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
