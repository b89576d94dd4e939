"""Edits that write on a picture, or show it inside something larger.

Every function takes an image (H, W, 3) uint8 RGB and returns one, of its own height and width.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from neardup.evaluation.edits.pixels import Pixels, from_pil

_WORDS = ("nobody", "expects", "this", "tuesday", "look", "at", "my", "garden", "again", "they")


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
        draw.text(
            (width / 2, top),
            text,
            fill="white",
            font=font,
            anchor="ma",
            stroke_width=edge,
            stroke_fill="black",
        )
    return from_pil(canvas)


def screenshot(image: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Show the picture on a screen of which it fills ``share``: a bar, a column of text, a menu."""
    height, width = image.shape[:2]
    grown = (1 / share) ** 0.5
    rows, columns = round(height * grown), round(width * grown)
    dark = rng.random() < 0.4
    paper, ink, grey = (
        ((24,) * 3, (220,) * 3, (60,) * 3) if dark else ((252,) * 3, (30,) * 3, (225,) * 3)
    )
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
