"""How one picture was made from another: the affine map that many keypoints agree on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neardup.verify.features import SIDE, Features, mirrored, opencv

Points = npt.NDArray[np.floating]
Matrix = npt.NDArray[np.float64]
Sizes = tuple[tuple[int, int], tuple[int, int]]

_RATIO = 0.8
_RANSAC_PIXELS = 4.0
_FEWEST_INLIERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """Where the pixels of a picture A lie in a picture B.

    Attributes:
        matrix: (2, 3) float64: (x, y, 1) in A to (x, y) in B, in pixels of the upright pictures.
        inliers: how many distinct keypoints agree on it.
        residual: the median of their disagreement, in pixels of pictures whose longest side is
            320. A copy has about 0.1, another shot of a flat scene as little, other shots more.
    """

    matrix: npt.NDArray[np.float64]
    inliers: int
    residual: float

    @property
    def mirrored(self) -> bool:
        """Whether B shows A as a mirror would."""
        return bool(np.linalg.det(self.matrix[:, :2]) < 0)

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of B per pixel of A, along A's x and A's y."""
        x, y = np.linalg.norm(self.matrix[:, :2], axis=0)
        return float(x), float(y)

    @property
    def rotation(self) -> float:
        """Degrees in (-180, 180] by which B is A turned clockwise, after mirroring left to right
        where B is mirrored."""
        x, y = self.matrix[:, 0] * (-1 if self.mirrored else 1)
        return float(np.degrees(np.arctan2(y, x)))

    def apply(self, points: Points) -> npt.NDArray[np.float64]:
        """(N, 2) points of A to (N, 2) points of B."""
        return np.asarray(points @ self.matrix[:, :2].T + self.matrix[:, 2], dtype=np.float64)

    def between_shrunk(self, a: npt.NDArray[Any], b: npt.NDArray[Any], sizes: Sizes) -> Matrix:
        """The map between shrunk pictures, as OpenCV counts: the first pixel's centre is (0, 0).

        Args:
            a: (h, w, ...) A, shrunk.
            b: (h', w', ...) B, shrunk.
            sizes: width and height of A and of B before, in pixels.

        Returns:
            (2, 3) float64.
        """
        source, target = (
            np.array([shrunk.shape[1], shrunk.shape[0]]) / size
            for shrunk, size in zip((a, b), sizes, strict=True)
        )
        linear = target[:, None] * self.matrix[:, :2] / source
        shift = target * self.matrix[:, 2] + linear @ [0.5, 0.5] - 0.5
        return np.column_stack([linear, shift])

    def inverse(self) -> "Transform":
        """Where the pixels of B lie in A."""
        turned = np.linalg.inv(self.matrix[:, :2])
        matrix = np.column_stack([turned, -turned @ self.matrix[:, 2]])
        return Transform(matrix=matrix, inliers=self.inliers, residual=self.residual)


def align(a: Features, b: Features) -> Transform | None:
    """The plausible affine map from A to B, or from A's mirror image, that most keypoints agree on.

    Matches are mutual nearest neighbours that pass the ratio test (Lowe 2004), the map is found by
    RANSAC (Fischler & Bolles 1981).

    Returns:
        None where fewer than 8 keypoints agree, or on a map that no editing explains.
    """
    upright = _fit(a, b, a.descriptors, mirror=False)
    reflected = _fit(a, b, mirrored(a.descriptors), mirror=True)
    found = [transform for transform in (upright, reflected) if transform is not None]
    return max(found, key=lambda transform: transform.inliers, default=None)


def _fit(
    a: Features, b: Features, descriptors: npt.NDArray[np.uint8], *, mirror: bool
) -> Transform | None:
    left, right = _matches(descriptors, b.descriptors)
    if len(left) < _FEWEST_INLIERS:
        return None
    to_a, to_b = max(a.width, a.height) / SIDE, max(b.width, b.height) / SIDE
    points, others = a.points[left] / to_a, b.points[right] / to_b
    if mirror:
        points = points * [-1, 1] + [a.width / to_a, 0]
    cv2: Any = opencv()
    found, mask = cv2.estimateAffine2D(
        points.astype(np.float64),
        others.astype(np.float64),
        method=cv2.RANSAC,
        ransacReprojThreshold=_RANSAC_PIXELS,
    )
    if found is None or not _plausible(found):
        return None
    agree = mask[:, 0] > 0
    points, others = points[agree], others[agree]
    inliers = min(_distinct(points), _distinct(others))
    if inliers < _FEWEST_INLIERS:
        return None
    off = np.linalg.norm(points @ found[:, :2].T + found[:, 2] - others, axis=1)
    zoom = float(np.sqrt(np.linalg.det(found[:, :2])))
    matrix = np.array(found, dtype=np.float64)
    if mirror:
        matrix[:, 2] += matrix[:, 0] * a.width / to_a
        matrix[:, 0] *= -1
    matrix[:, 2] *= to_b
    matrix[:, :2] *= to_b / to_a
    return Transform(
        matrix=matrix, inliers=inliers, residual=float(np.median(off)) / max(1.0, zoom)
    )


def _matches(
    a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of (N, 128) and (M, 128) descriptors that are each other's nearest, by far."""
    if len(a) < 2 or len(b) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    left, right = a.astype(np.float32), b.astype(np.float32)
    squared = np.einsum("md,md->m", right, right) - 2 * (left @ right.T)
    rows = np.arange(len(a))
    nearest = squared.argmin(axis=1)
    lengths = np.einsum("nd,nd->n", left, left)
    back = (squared + lengths[:, None]).argmin(axis=0)
    first = squared[rows, nearest] + lengths
    squared[rows, nearest] = np.inf
    second = squared.min(axis=1) + lengths
    good = (first < _RATIO**2 * second) & (back[nearest] == rows)
    return np.flatnonzero(good), nearest[good]


def _plausible(matrix: npt.NDArray[np.float64]) -> bool:
    """Whether an editor would do this: no flipping inside out, no tearing, no extreme scale."""
    linear = matrix[:, :2]
    determinant = float(np.linalg.det(linear))
    x, y = np.linalg.norm(linear, axis=0)
    if determinant <= 0 or min(x, y) < 1 / 7 or max(x, y) > 7 or not 0.5 < x / y < 2:
        return False
    shear = float(linear[:, 0] @ linear[:, 1] / (x * y))
    return abs(shear) < 0.35


def _distinct(points: Points) -> int:
    """How many squares of 2 x 2 pixels hold a point: repeats of one point prove nothing."""
    return len(np.unique(np.floor(points / 2).astype(np.int64), axis=0))
