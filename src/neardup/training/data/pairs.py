"""The training set: pairs of views of one source."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from neardup.training.augment import ViewMaker
from neardup.training.data.sampler import PairKey


class Pair(TypedDict):
    """One sample; a batch holds the same keys with a leading dimension B."""

    anchor: Tensor
    """(S, S, 3) uint8 RGB."""
    positive: Tensor
    """(S, S, 3) uint8 RGB, another view of the same source."""
    source: int
    """Which source image, the same number for the same picture."""


class PairDataset(Dataset[Pair]):
    """Two views of a source, a pure function of (seed, epoch, index).

    Args:
        images: source images, each (H, W, 3) uint8 RGB.
        make_view: the augmentation.
        seed: the run's seed.
    """

    def __init__(
        self, images: Sequence[NDArray[np.uint8]], make_view: ViewMaker, *, seed: int
    ) -> None:
        self.images = images
        self.make_view = make_view
        self.seed = seed

    def __getitem__(self, key: PairKey) -> Pair:
        epoch, index = key
        image = self.images[index]
        anchor, positive = (
            torch.from_numpy(
                self.make_view(image, (self.seed, epoch, index, which), anchor=which == 0)
            )
            for which in (0, 1)
        )
        return {"anchor": anchor, "positive": positive, "source": index}
