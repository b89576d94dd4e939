"""A picture that shows how one picture was made from another."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from neardup.verify.features import opencv
from neardup.verify.match import Match

Pixels = npt.NDArray[np.uint8]

_GAP = 12
_TITLE = 22
_OUTLINE = (255, 64, 64)
_BACKGROUND = (255, 255, 255)
_INK = (40, 40, 40)


def draw_explanation(a: Pixels, b: Pixels, match: Match, *, height: int = 320) -> Image.Image:
    """Draw the whole with the part's outline, the part, the part laid over the whole's pixels, and
    the difference of the two.

    Args:
        a: (H, W, 3) uint8 RGB, upright, of any size: shrunk ones give the same drawing.
        b: the same for the other picture.
        match: with a transform from ``a``, in pixels of the full pictures, to ``b``.
        height: of a panel, in pixels.

    Returns:
        One RGB image of four panels side by side, under their titles.

    Raises:
        ValueError: the match has no transform, as that of two identical files.
    """
    if match.transform is None:
        raise ValueError("identical files need no explanation")
    whole, part, transform = (a, b, match.transform)
    names = "A", "B"
    if match.inside == "a":
        whole, part, transform = b, a, match.transform.inverse()
        names = "B", "A"
    sizes = (match.size_b, match.size_a) if match.inside == "a" else (match.size_a, match.size_b)
    matrix = _scaled(transform.matrix, _scale(whole, sizes[0]), _scale(part, sizes[1]))
    cv2: Any = opencv()
    size = part.shape[1], part.shape[0]
    laid = cv2.warpAffine(whole, matrix, size, flags=cv2.INTER_AREA, borderValue=_BACKGROUND)
    inside = cv2.warpAffine(np.full(whole.shape[:2], 255, np.uint8), matrix, size) > 127
    difference = np.abs(laid.astype(np.int16) - part).astype(np.uint8)
    difference[~inside] = 255
    right, bottom = size
    corners = np.array([(0, 0), (right, 0), (right, bottom), (0, bottom)], dtype=np.float64)
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    quad = (corners @ back[:2, :2].T + back[:2, 2]).tolist()
    outlined = Image.fromarray(whole)
    line = max(2, round(whole.shape[0] / 120))
    ImageDraw.Draw(outlined).polygon([tuple(p) for p in quad], outline=_OUTLINE, width=line)
    return _side_by_side(
        height,
        (names[0], outlined),
        (names[1], Image.fromarray(part)),
        (f"{names[0]}, laid over {names[1]}", Image.fromarray(laid)),
        ("difference", Image.fromarray(difference)),
    )


def _scale(image: Pixels, size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Pixels of the image given per pixel of the full picture, in x and in y."""
    return np.array([image.shape[1] / size[0], image.shape[0] / size[1]])


def _scaled(
    matrix: npt.NDArray[np.float64],
    source: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """The (2, 3) map between two pictures that were shrunk, for OpenCV's centres of pixels."""
    linear = target[:, None] * matrix[:, :2] / source
    shift = target * matrix[:, 2] + linear @ [0.5, 0.5] - 0.5
    return np.column_stack([linear, shift])


def _side_by_side(height: int, *panels: tuple[str, Image.Image]) -> Image.Image:
    scaled = [
        (title, panel.resize((max(1, round(panel.width * height / panel.height)), height)))
        for title, panel in panels
    ]
    width = sum(panel.width for _, panel in scaled) + _GAP * (len(scaled) + 1)
    sheet = Image.new("RGB", (width, height + _TITLE + 2 * _GAP), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    x = _GAP
    for title, panel in scaled:
        draw.text((x, _GAP // 2), title, fill=_INK, font_size=15)
        sheet.paste(panel, (x, _TITLE + _GAP))
        x += panel.width + _GAP
    return sheet
