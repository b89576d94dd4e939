"""Edits that move, crop, resize or frame the picture, or show it inside something larger.

Every function takes an image (H, W, 3) uint8 RGB and returns one, of its own height and width.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from neardup.evaluation.edits.pixels import Pixels, from_pil

_TEXT = "look at this sunday morning the best picture ever for sale only today contact us"
_WORDS = ("nobody", "expects", "this", "tuesday", "look", "at", "my", "garden", "again", "they")


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
    how = Image.Transform.PERSPECTIVE, coefficients.tolist(), Image.Resampling.BILINEAR
    grey = (128, 128, 128)
    return from_pil(Image.fromarray(image).transform((width, height), *how, fillcolor=grey))


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


def meme(image: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Write white capitals with a black edge on top and bottom; letters ``share`` of the height."""
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    width, height = canvas.size
    size = max(6, round(height * share))
    font = ImageFont.load_default(size=size)
    for top in (height * 0.03, height * 0.97 - size * 1.2):
        text = " ".join(rng.choice(_WORDS, size=3)).upper()
        edge = max(1, size // 12)
        place = (width / 2, top)
        draw.text(place, text, "white", font, "ma", stroke_width=edge, stroke_fill="black")
    return from_pil(canvas)


def screenshot(image: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Show the picture on a screen of which it fills ``share``: a bar, a column of text, a menu."""
    height, width = image.shape[:2]
    grown = (1 / share) ** 0.5
    rows, columns = round(height * grown), round(width * grown)
    dark = rng.random() < 0.4
    paper, ink, grey = ((n,) * 3 for n in ((24, 220, 60) if dark else (252, 30, 225)))
    screen = Image.new("RGB", (columns, rows), paper)
    draw = ImageDraw.Draw(screen)
    left = int(rng.integers(0, columns - width + 1))
    top = int(rng.integers(0, rows - height + 1))
    letter = max(6, rows // 28)
    font = ImageFont.load_default(size=letter)
    for line in range(0, rows, round(letter * 1.7)):
        text = " ".join(rng.choice(_WORDS, size=rng.integers(3, 12)))
        draw.text((letter, line), text, fill=ink, font=font)
    draw.rectangle((0, 0, columns, letter * 2), fill=grey)
    for button in range(3):
        middle = columns - letter * 2 * (button + 1)
        draw.ellipse((middle, letter // 2, middle + letter, letter * 3 // 2), fill=ink)
    screen.paste(Image.fromarray(image), (left, top))
    return from_pil(screen)


def collage(image: Pixels, share: float, rng: np.random.Generator, ground: Pixels) -> Pixels:
    """Lay the picture, shrunk, on ``ground``, of whose area it covers ``share``.

    The ground takes the picture's height and width.
    """
    height, width = image.shape[:2]
    size = max(1, round(width * share**0.5)), max(1, round(height * share**0.5))
    canvas = Image.fromarray(ground).resize((width, height), Image.Resampling.BICUBIC)
    small = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    left = int(rng.integers(0, width - size[0] + 1))
    top = int(rng.integers(0, height - size[1] + 1))
    canvas.paste(small, (left, top))
    return from_pil(canvas)


def _resize(image: Pixels, height: int, width: int) -> Pixels:
    size = (max(1, width), max(1, height))
    return from_pil(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
