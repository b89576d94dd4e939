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
    names = "A", "B"
    whole, part = a, b
    if match.inside == "a":
        names, whole, part, match = ("B", "A"), b, a, match.reversed()
    assert match.transform is not None
    sizes = match.size_a, match.size_b
    matrix = match.transform.between_shrunk(whole, part, sizes)
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
