"""Pages of text: posters, documents and screenshots, lettered in Pillow's built-in font."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from neardup.procedural.dead_leaves import dead_leaves
from neardup.procedural.noise import noise
from neardup.procedural.palette import Float, draw_palette

_LETTERS = np.array(list("eeeetttaaaooiinnsshhrrddlluucmwfgypbvkxqjz"))
_Box = tuple[int, int, int, int]


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _words(rng: np.random.Generator, letters: int) -> str:
    """About `letters` characters of made-up words, some capitalised, some numbers."""
    text = "".join(rng.choice(_LETTERS, letters))
    words, start = [], 0
    while start < letters:
        length = int(rng.integers(2, 10))
        word = text[start : start + length]
        start += length
        chance = rng.random()
        if chance < 0.1:
            word = str(rng.integers(1, 99_999))
        elif chance < 0.3:
            word = word.capitalize()
        elif chance < 0.35:
            word = word.upper() + "."
        words.append(word)
    return " ".join(words)


def _inset(rng: np.random.Generator, canvas: Image.Image, box: _Box) -> None:
    """Fill `box` with a picture."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    if width < 8 or height < 8:
        return
    make = dead_leaves if rng.random() < 0.5 else noise
    pixels = np.clip(make(rng, height, width), 0, 255).astype(np.uint8)
    canvas.paste(Image.fromarray(pixels), (left, top))


def _lines(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, box: _Box, colours: list[tuple[int, ...]]
) -> None:
    """Fill `box` with paragraphs: headings, ragged lines, bullets, rules."""
    left, top, right, bottom = box
    y = top + 2
    body = int(rng.integers(7, 13))
    while y < bottom - 6:
        heading = rng.random() < 0.2
        size = int(body * rng.uniform(1.4, 2.4)) if heading else body
        room = int((right - left) / (0.52 * size))
        if room < 2:
            return
        colour = colours[int(rng.integers(1, len(colours)))] if heading else colours[0]
        indent = 0
        if rng.random() < 0.15:
            draw.ellipse((left + 1, y + size // 3, left + 4, y + size // 3 + 3), fill=colours[1])
            indent = 7
        letters = max(1, int(room * (rng.uniform(0.4, 1) if rng.random() < 0.4 else 1)))
        text = _words(rng, letters)[:letters]
        draw.text((left + 2 + indent, y), text, fill=colour, font=_font(size))
        y += int(size * 1.25)
        if rng.random() < 0.08:
            draw.line((left, y, right, y), fill=colours[-1])
            y += 3


def text(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """A page cut at random into blocks of text, pictures and flat panels.

    Returns:
        (H, W, 3) float32 in [0, 255].
    """
    palette = draw_palette(rng)
    dark = rng.random() < 0.4
    paper = rng.uniform(0, 60, 3) if dark else rng.uniform(195, 255, 3)
    ink = rng.uniform(170, 255, 3) if dark else rng.uniform(0, 80, 3)
    accents: Float = palette.colours(rng, 4)
    colours = [tuple(int(v) for v in c) for c in (ink, *accents)]
    canvas = Image.new("RGB", (width, height), tuple(int(v) for v in paper))
    if rng.random() < 0.35:  # a poster: everything lies on a picture
        _inset(rng, canvas, (0, 0, width, height))
    draw = ImageDraw.Draw(canvas)
    blocks: list[_Box] = [(0, 0, width, height)]
    for _ in range(int(rng.integers(2, 6))):
        blocks.sort(key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
        left, top, right, bottom = blocks.pop()
        cut = rng.uniform(0.25, 0.75)
        if (right - left) * rng.uniform(0.5, 1.5) > bottom - top:
            x = int(left + cut * (right - left))
            blocks += [(left, top, x, bottom), (x, top, right, bottom)]
        else:
            y = int(top + cut * (bottom - top))
            blocks += [(left, top, right, y), (left, y, right, bottom)]
    for box in blocks:
        chance = rng.random()
        if chance < 0.3:
            _inset(rng, canvas, box)
            continue
        if chance < 0.55:
            panel = colours[int(rng.integers(1, len(colours)))]
            draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=panel)
        if chance < 0.45:  # a title
            size = int(rng.uniform(0.14, 0.3) * min(height, width))
            place = (box[0] + 2, (box[1] + box[3] - size) // 2)
            draw.text(place, _words(rng, 14), fill=colours[0], font=_font(size))
        else:
            _lines(rng, draw, box, colours)
    return np.asarray(canvas).astype(np.float32)
