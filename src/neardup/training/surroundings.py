"""What a copy is put into: a band with words, a window on a screen, another picture.

Everything is drawn with OpenCV on (H, W, 3) uint8 RGB pictures, at random but bounded places.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_WORDS = (
    "when you finally see it", "monday", "best of", "for sale", "follow me", "no way", "summer",
    "breaking news", "OMG", "read more", "2019", "this is fine", "new in store", "share", "me:",
    "nobody:", "vintage", "part two", "10 facts", "before", "after", "hello world", "limited",
)  # fmt: skip
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)


def caption(image: Image, rng: np.random.Generator) -> Image:
    """Add a band with words above or below, sometimes both, 8 to 25 % of the height each."""
    above, below = ((True, False), (False, True), (True, True))[rng.choice(3, p=[0.4, 0.4, 0.2])]
    paper, ink = _colours(rng)
    height, width = image.shape[:2]

    def band() -> Image:
        blank = np.empty((max(6, round(height * rng.uniform(0.08, 0.25))), width, 3), np.uint8)
        blank[:] = paper
        return _write(blank, ink, rng)

    parts = [*([band()] if above else []), image, *([band()] if below else [])]
    return np.concatenate(parts)


def screenshot(image: Image, rng: np.random.Generator) -> Image:
    """Show the picture in a window: bars, lines of text, buttons and margins around it."""
    height, width = image.shape[:2]
    paper, ink = _colours(rng)
    above, below = (round(height * rng.uniform(0.08, 0.35)) for _ in range(2))
    left, right = (round(width * rng.choice([0.0, rng.uniform(0.02, 0.3)])) for _ in range(2))
    screen = np.empty((above + height + below, left + width + right, 3), np.uint8)
    screen[:] = paper
    bar = max(4, round(above * rng.uniform(0.2, 0.6)))
    screen[:bar] = rng.integers(0, 256, 3, dtype=np.uint8)
    screen[:bar] = _write(np.ascontiguousarray(screen[:bar]), ink, rng)
    for top, bottom in ((bar, above), (above + height, len(screen))):
        _scribble(screen[top:bottom], ink, rng)
    for start, end in ((0, left), (left + width, screen.shape[1])):
        _scribble(screen[bar:, start:end], ink, rng)
    screen[above : above + height, left : left + width] = image
    return screen


def collage(image: Image, other: Image, smallest: float, rng: np.random.Generator) -> Image:
    """Lay the picture on another one, at any place where it is whole.

    Args:
        image: the picture.
        other: what it lies on.
        smallest: the share of the other's area that it covers at least, at most 0.7.
        rng: of size, shape and place.

    Returns:
        As large as ``image``; the other picture is squashed to that.
    """
    height, width = image.shape[:2]
    ground = np.array(cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    side = np.sqrt(rng.uniform(min(smallest, 0.7), 0.7))
    stretch = np.sqrt(1.2 ** rng.uniform(-1.0, 1.0))
    rows = int(np.clip(round(height * side * stretch), 1, height))
    columns = int(np.clip(round(width * side / stretch), 1, width))
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    ground[top : top + rows, left : left + columns] = small
    return ground


def _colours(rng: np.random.Generator) -> tuple[NDArray[np.uint8], tuple[int, int, int]]:
    """Paper and ink: black on white, white on black, or white on a colour."""
    kind = rng.integers(4)
    if kind == 0:
        return np.zeros(3, np.uint8), (255, 255, 255)
    if kind == 1:
        return rng.integers(0, 160, 3, dtype=np.uint8), (255, 255, 255)
    return np.full(3, rng.integers(235, 256), np.uint8), (0, 0, 0)


def _write(band: Image, ink: tuple[int, int, int], rng: np.random.Generator) -> Image:
    height, width = band.shape[:2]
    text = " ".join(rng.choice(_WORDS, size=rng.integers(1, 4)))
    font = int(rng.choice(_FONTS))
    scale = height * rng.uniform(0.35, 0.75) / 22  # a letter of scale 1 is 22 pixels high
    start = (int(rng.integers(0, max(1, width // 4))), int(height * 0.75))
    cv2.putText(band, text, start, font, scale, ink, max(1, round(scale * 2)), cv2.LINE_AA)
    return band


def _scribble(area: Image, ink: tuple[int, int, int], rng: np.random.Generator) -> None:
    """Lines that stand for text, and a button now and then, in place."""
    height, width = area.shape[:2]
    if height < 4 or width < 8:
        return
    line = max(2, round(min(height, 24) * rng.uniform(0.15, 0.4)))
    for top in range(line, height - line, 2 * line):
        if rng.random() < 0.7:
            start = int(rng.integers(0, max(1, width // 5)))
            end = int(rng.integers(width // 3, width))
            area[top : top + max(1, line // 2), start:end] = ink
        elif rng.random() < 0.3:
            colour = rng.integers(0, 256, 3, dtype=np.uint8)
            start = int(rng.integers(0, width * 3 // 4))
            area[top : top + line, start : start + max(3, width // 5)] = colour
