"""What the second look remembers of a picture: local features and a small grey copy.

SIFT keypoints (Lowe 2004) with RootSIFT descriptors (Arandjelovic & Zisserman 2012), found on a
grey copy whose longest side is 320 pixels.
"""

import importlib
import struct
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from neardup.errors import NeardupError

Grey = npt.NDArray[np.uint8]

SIDE = 320
"""Longest side, in pixels, of the copy that keypoints are found on."""

SMALL_SIDE = 192
"""Longest side, in pixels, of the grey copy that is kept to compare overlaps on."""

_MOST_KEYPOINTS = 500
_DESCRIPTOR = 128
_QUANTUM = 512.0  # a RootSIFT value of 0.5 is stored as 255; hardly any is larger
_HEADER = struct.Struct("<5I")


def opencv() -> Any:
    """The module ``cv2``.

    Raises:
        NeardupError: it is not installed.
    """
    try:
        return importlib.import_module("cv2")
    except ImportError:
        raise NeardupError(
            "verification needs one more package: pip install 'neardup[verify]'"
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The local features of one picture.

    Attributes:
        width: of the picture, upright, in pixels.
        height: the same, downwards.
        points: (N, 2) float32, x and y of the keypoints in pixels of the picture; the centre of
            its first pixel is at (0.5, 0.5).
        descriptors: (N, 128) uint8, 512 times the RootSIFT values.
        grey: (h, w) uint8, the picture shrunk so that its longest side is 192 pixels.
    """

    width: int
    height: int
    points: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.uint8]
    grey: Grey

    def pack(self) -> bytes:
        """The features as bytes, about 90 kB; :meth:`unpack` is the way back."""
        height, width = self.grey.shape
        head = _HEADER.pack(self.width, self.height, len(self.points), width, height)
        points = self.points.astype("<f4").tobytes()
        return head + points + self.descriptors.tobytes() + self.grey.tobytes()

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Features from the bytes that :meth:`pack` made."""
        width, height, count, small_width, small_height = _HEADER.unpack_from(packed)
        places = np.cumsum([_HEADER.size, 8 * count, _DESCRIPTOR * count])
        points, descriptors, grey = (packed[start:] for start in places)
        return cls(
            width=width,
            height=height,
            points=np.frombuffer(points, "<f4", 2 * count).reshape(count, 2),
            descriptors=np.frombuffer(descriptors, np.uint8, _DESCRIPTOR * count).reshape(
                count, _DESCRIPTOR
            ),
            grey=np.frombuffer(grey, np.uint8).reshape(small_height, small_width),
        )


def extract(image: npt.NDArray[np.uint8], size: tuple[int, int] | None = None) -> Features:
    """Find the local features of a picture.

    Args:
        image: (H, W, 3) uint8 RGB, upright; the decoder may have shrunk it.
        size: width and height before it was shrunk, in pixels; None: as it is.

    Raises:
        NeardupError: OpenCV is not installed.
    """
    cv2 = opencv()
    cv2.setNumThreads(1)  # pictures are worked on side by side instead
    width, height = (image.shape[1], image.shape[0]) if size is None else size
    grey = _fit(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), SIDE)
    sift = cv2.SIFT_create(_MOST_KEYPOINTS, contrastThreshold=0.02, edgeThreshold=12)
    keypoints, found = sift.detectAndCompute(grey, None)
    points = np.array([point.pt for point in keypoints], dtype=np.float32).reshape(-1, 2)
    found = np.zeros((0, _DESCRIPTOR), np.float32) if found is None else found
    root = np.sqrt(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-9))
    scale = np.array([width / grey.shape[1], height / grey.shape[0]], dtype=np.float32)
    return Features(
        width=width,
        height=height,
        points=(points + 0.5) * scale,
        descriptors=np.minimum(np.rint(root * _QUANTUM), 255).astype(np.uint8),
        grey=_fit(grey, SMALL_SIDE),
    )


def _fit(grey: Grey, side: int) -> Grey:
    """Scale so that the longest side is ``side`` pixels."""
    cv2 = opencv()
    height, width = grey.shape
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=how), dtype=np.uint8)


def mirrored(descriptors: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The (N, 128) descriptors that the picture's mirror image would have, without it.

    A descriptor is a grid of 4 x 4 cells with 8 directions each; the keypoint's own direction is
    mirrored with the picture, so what was above it lies below it and turning left is turning right.
    """
    cells = descriptors.reshape(-1, 4, 4, 8)[:, ::-1]
    return np.ascontiguousarray(cells[..., -np.arange(8) % 8]).reshape(-1, _DESCRIPTOR)
