"""Traces that processing leaves in a picture, by which a copy can be told from its original."""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Pixels = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.float32]

_LARGEST_SIDE = 1024  # pixels: a window of at most this size is looked at
_FINE, _COARSE = 1.35, 8.0  # factors by which a side is shrunk to see what is lost
_SAME_COLOUR = 10  # grey levels
_BAND = 0.45  # of a row in the band's colour: the rest may be letters
_EDGE = 0.4  # of a side: more than this is no band, but a plain picture
_DARK, _BRIGHT = 5, 250  # grey levels at which tones are as good as gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Attributes:
    noise: grain in the smoothest tenth of the picture, in grey levels of 255.
    specks: share of the pixels that stand out from all around them, as salt and pepper do.
    sharpness_x: share of the contrast that is too fine for a picture 1.35 times narrower: about
        0.3 as a camera made it, half of that where it was enlarged or blurred.
    sharpness_y: the same for a picture less high.
    plain_rows: share of the height that is bands of one colour, above and below.
    plain_columns: share of the width that is bands of one colour, left and right.
    plain_corners: how many of the four corners are of one and the same colour, as those of a
        turned picture are.
    cut_off: share of the pixels that are black or white.
    span: grey levels between the darkest and the brightest hundredth.
    colour: mean difference of the channels, in grey levels; 0 for a grey picture.
    blocks: how much larger steps are between the blocks of JPEG than elsewhere; 1: no blocks.
    quality: of the file, in [0, 100], as JPEG programs count it; 100 where nothing is lost.
    """

    noise: float
    specks: float
    sharpness_x: float
    sharpness_y: float
    plain_rows: float
    plain_columns: float
    plain_corners: int
    cut_off: float
    span: float
    colour: float
    blocks: float
    quality: float = 100.0


def find_traces(image: Pixels, quality: float = 100.0) -> Traces:
    """Look for traces in a picture (H, W, 3) uint8 RGB, at its full size.

    Args:
        image: the picture.
        quality: of its file: see :func:`jpeg_quality`.
    """
    window = _window(image)
    grey = np.asarray(Image.fromarray(window).convert("L"), dtype=np.float32)
    low, high = np.percentile(grey, (1, 99))
    channels = window.astype(np.int16)
    return Traces(
        noise=_noise(grey),
        specks=_specks(window),
        sharpness_x=_sharpness(grey),
        sharpness_y=_sharpness(grey.T),
        plain_rows=_plain_rows(image),
        plain_columns=_plain_rows(image.transpose(1, 0, 2)),
        plain_corners=_plain_corners(image),
        cut_off=float(((grey <= _DARK) | (grey >= _BRIGHT)).mean()),
        span=float(high - low),
        colour=float(np.ptp(channels, axis=2).mean()),
        blocks=_blocks(grey),
        quality=quality,
    )


def jpeg_quality(data: bytes) -> float:
    """The quality, in [0, 100], at which a file was compressed; 100 where it is no JPEG.

    From the mean of the luminance steps: quality 50 has the example table of the standard (ITU-T
    T.81, annex K), whose mean is 57.6, and libjpeg scales that.
    """
    with Image.open(io.BytesIO(data)) as image:
        tables = getattr(image, "quantization", None)
    if not tables:
        return 100.0
    scale = float(np.mean(tables[min(tables)])) / 57.625
    return float(np.clip(50 / scale if scale > 1 else 100 - 50 * scale, 0, 100))


def _window(image: Pixels) -> Pixels:
    """The middle of a large picture, cut along the grid of JPEG's blocks."""
    height, width = image.shape[:2]
    top = max(0, (height - _LARGEST_SIDE) // 2) // 8 * 8
    left = max(0, (width - _LARGEST_SIDE) // 2) // 8 * 8
    return image[top : top + _LARGEST_SIDE, left : left + _LARGEST_SIDE]


def _noise(grey: Levels) -> float:
    """The Laplacian difference of Immerkaer (1996), where the picture itself has least of it."""
    if min(grey.shape) < 10:
        return 0.0
    rows = grey[:-2] - 2 * grey[1:-1] + grey[2:]
    both = np.abs(rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:])
    return float(np.quantile(_tiles(both, 8).mean(axis=1), 0.1) * np.sqrt(np.pi / 2) / 6)


def _tiles(values: Levels, side: int) -> Levels:
    """(H, W) to (N, side * side): its whole squares."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    squares = values[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return squares.swapaxes(1, 2).reshape(-1, side * side)


def _specks(window: Pixels) -> float:
    middle = np.asarray(Image.fromarray(window).filter(ImageFilter.MedianFilter(3)), np.int16)
    away = np.abs(window.astype(np.int16) - middle).max(axis=2)
    return float((away > 80).mean())


def _sharpness(grey: Levels) -> float:
    """What making it narrower loses of the squares that have contrast."""
    height, width = grey.shape
    if min(height, width) < 32:
        return 1.0
    whole = Image.fromarray(grey)

    def lost(factor: float) -> Levels:
        small = whole.resize((round(width / factor), height), Image.Resampling.LANCZOS)
        back = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
        return np.asarray(_tiles((grey - back) ** 2, 16).mean(axis=1))

    coarse = np.maximum(lost(_COARSE), 1e-3)
    busy = coarse >= np.median(coarse)
    return float(np.sqrt(np.median(lost(_FINE)[busy] / coarse[busy])))


def _plain_rows(image: Pixels) -> float:
    """Share of the height that is bands of one colour, above and below."""
    return (_band(image) + _band(image[::-1])) / len(image)


def _band(rows: Pixels) -> int:
    """How many of the first rows are of one colour, but for letters."""
    colour = np.median(rows[0], axis=0)
    reach = max(1, int(len(rows) * _EDGE))
    near = (np.abs(rows[:reach].astype(np.int16) - colour.astype(np.int16)) <= _SAME_COLOUR).all(2)
    share = near.mean(axis=1)
    if share[0] < 0.98:
        return 0
    other = np.flatnonzero(share < _BAND)
    # A band that never ends is a plain picture.
    return int(other[0]) if len(other) else 0


def _plain_corners(image: Pixels) -> int:
    side = max(2, round(0.025 * min(image.shape[:2])))
    corners = [
        image[rows, columns].reshape(-1, 3).astype(np.int16)
        for rows in (slice(None, side), slice(-side, None))
        for columns in (slice(None, side), slice(-side, None))
    ]
    plain = [corner for corner in corners if np.ptp(corner, axis=0).max() <= _SAME_COLOUR]
    if not plain:
        return 0
    colour = np.median([corner.mean(axis=0) for corner in plain], axis=0)
    near = [np.abs(corner.mean(axis=0) - colour).max() <= _SAME_COLOUR for corner in plain]
    return int(np.sum(near))


def _blocks(grey: Levels) -> float:
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    if len(steps) < 32:
        return 1.0
    # Enlarging has rhythms of its own: the block's edge must stand out from every other place.
    by_place = [float(steps[place::8].mean()) + 0.1 for place in range(8)]
    return by_place[7] / max(by_place[:7])
