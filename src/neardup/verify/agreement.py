"""Whether two aligned pictures show the same thing: correlation of their overlap, window by window.

Correlation is blind to brightness and contrast, so recoloured copies agree; and it is taken where
there is texture, for plain areas correlate by chance.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neardup.verify.alignment import Transform
from neardup.verify.features import Features, opencv

_WINDOW = 11  # pixels
_TEXTURE = 4.0  # grey levels of standard deviation within a window
_FEWEST_WINDOWS = 0.01  # of the overlap


def aligned(
    a: Features, b: Features, transform: Transform
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The grey copy of A laid over that of B, on whichever of the two shows more detail.

    Returns:
        (h, w) float32 of A, (h, w) float32 of B, in grey levels, and where both have pixels.
    """
    cv2: Any = opencv()
    matrix = transform.between_shrunk(a.grey, b.grey, ((a.width, a.height), (b.width, b.height)))
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if zoom > 1:  # B is the enlarged one: go down to A's pixels, not up
        there = aligned(b, a, transform.inverse())
        return there[1], there[0], there[2]
    size = b.grey.shape[1], b.grey.shape[0]
    source = a.grey
    if zoom < 1:  # shrinking without blurring first would alias
        source = cv2.GaussianBlur(source, (0, 0), 0.5 * np.sqrt(1 / zoom**2 - 1) + 1e-6)
    warped = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(
        np.full(a.grey.shape, 255, np.uint8), matrix, size, flags=cv2.INTER_NEAREST
    )
    return warped.astype(np.float32), b.grey.astype(np.float32), inside > 0


def overlap_agreement(a: Features, b: Features, transform: Transform) -> float:
    """Mean correlation, in [-1, 1], of the textured windows of the overlap; 0 where none is."""
    cv2: Any = opencv()
    left, right, inside = aligned(a, b, transform)
    left, right = (cv2.GaussianBlur(side, (0, 0), 1.0) for side in (left, right))

    def mean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(cv2.blur(values, (_WINDOW, _WINDOW)))

    m, n = mean(left), mean(right)
    spread = np.maximum(mean(left * left) - m * m, 0), np.maximum(mean(right * right) - n * n, 0)
    whole = mean(inside.astype(np.float32)) > 0.999
    # Texture in either counts: where one has it and the other has none, they disagree.
    textured = whole & (np.maximum(*spread) > _TEXTURE**2)
    if textured.sum() < max(1.0, _FEWEST_WINDOWS * inside.sum()):
        return 0.0
    correlation = (mean(left * right) - m * n) / np.sqrt(spread[0] * spread[1] + 1.0)
    return float(correlation[textured].mean())
