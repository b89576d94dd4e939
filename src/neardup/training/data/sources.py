"""The source images of a run, in three splits: what the configuration says, as sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neardup.training.config import DataConfig
from neardup.training.data.procedural import generate

Images = Sequence[NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Source images; no source, and no near copy of one, is in two splits.

    Attributes:
        train, val, test: each item (H, W, 3) uint8 RGB, sizes vary.
        name: what they are, in words for the record.
        record: counts for ``summary.json``.
    """

    train: Images
    val: Images
    test: Images
    name: str
    record: dict[str, Any]


class P:
    def __init__(s, seed, first, n, size):
        s.a = (seed, first, n, size)

    def __len__(s):
        return s.a[2]

    def __getitem__(s, i):
        if i >= s.a[2]:
            raise IndexError(i)
        return generate(s.a[0], s.a[1] + i, s.a[3])


def load_sources(config: DataConfig, *, show: bool = True) -> Sources:
    size = round(config.image_size * 1.5)
    n = config.num_images
    return Sources(
        P(0, 1000000, n, size),
        P(0, 0, config.max_val_images, size),
        P(0, 100000, config.max_test_images, size),
        "procedural pictures",
        {},
    )
