"""The one definition of distance: plain L2 between unit vectors, in [0, 2], smaller is closer.

A pair is called duplicate when ``distance <= threshold``. Thresholds are chosen and applied with
these functions only. Both work in float64 inside, so that they agree on a pair to about 1e-7
(a float32 matrix product would be off by up to 5e-4 near zero).
"""

import numpy as np
import numpy.typing as npt

_BLOCK = 4_000_000  # distances computed at once, which bounds the float64 temporaries to 64 MB


def l2(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Distance of corresponding vectors: (..., D) and (..., D) give (...) float32 in [0, 2].

    The value for a pair depends on nothing but the two vectors, not even on their order.
    """
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    squares = np.ascontiguousarray(difference * difference)
    return np.asarray(np.sqrt(squares.sum(axis=-1)), dtype=np.float32)


def l2_matrix(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Distance of every pair: (N, D) and (M, D) give (N, M) float32 in [0, 2].

    Built on a matrix product, so the last bits may differ from :func:`l2`, by less than 1e-6.
    """
    left = np.asarray(a, dtype=np.float64)
    right = np.asarray(b, dtype=np.float64)
    left_squares = np.einsum("nd,nd->n", left, left)
    right_squares = np.einsum("md,md->m", right, right)
    result = np.empty((len(left), len(right)), dtype=np.float32)
    step = max(1, _BLOCK // max(1, len(right)))
    for start in range(0, len(left), step):
        rows = slice(start, start + step)
        squared = left_squares[rows, None] + right_squares[None, :]
        squared -= 2.0 * (left[rows] @ right.T)
        np.sqrt(np.maximum(squared, 0.0, out=squared), out=squared)
        result[rows] = squared
    return result
