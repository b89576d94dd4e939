"""Blank pictures: all blank pictures look alike to an encoder, and are nobody's duplicates."""

import numpy as np
import numpy.typing as npt

MAX_DEVIATION = 2.0
"""Grey levels of 255. A dot of 0.1 % of a white page already deviates by 8."""


def is_blank(square: npt.NDArray[np.uint8]) -> bool:
    """Whether every channel of a (S, S, 3) uint8 picture is nearly constant."""
    return bool(square.reshape(-1, 3).std(axis=0).max() <= MAX_DEVIATION)
