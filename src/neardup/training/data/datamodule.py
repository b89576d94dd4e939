"""Batches of pairs for the trainer: which pairs make up a step, and two views of each source.

A batch drawn at random from thousands of images seldom holds two that are hard to tell apart, and
a threshold is only as loose as the nearest of such pairs lets it be. So look-alikes, found before
training by the encoder as it begins, can share a batch (Simo-Serra et al. 2015 mine hard negatives
from the batch; Xiong et al. 2021 from an index of the whole set).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from sklearn.neighbors import NearestNeighbors
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from neardup.embedder import available_cores
from neardup.training.config import TrainConfig
from neardup.training.data.images import Images
from neardup.training.encoder import Encoder, TorchEmbedder
from neardup.training.views import ViewMaker

PairKey = tuple[int, int]
"""(pass over the data, index of the source)."""

SAME = 0.5
"""L2 distance below which two training images are taken for copies of one, not look-alikes."""


def find_look_alikes(
    encoder: Encoder, images: Images, image_size: int, *, count: int
) -> NDArray[np.int64]:
    """The nearest other images of each.

    Args:
        encoder: as training begins.
        images: N sources, (H, W, 3) uint8 RGB each.
        image_size: side of the square that the encoder sees, pixels.
        count: K, how many of each.

    Returns:
        (N, K) int64, nearest first; -1 in the places of those nearer than :data:`SAME`.
    """
    vectors = TorchEmbedder(encoder, image_size)(images)
    nearest = NearestNeighbors(n_neighbors=min(count, len(images) - 1), algorithm="brute")
    distance, neighbour = nearest.fit(vectors).kneighbors()  # of itself none is its neighbour
    return np.where(distance < SAME, -1, neighbour).astype(np.int64)


def side_by_side(order: NDArray[np.int64], look_alikes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Reorder the sources so that each stands beside its look-alikes, and so shares their batch.

    Args:
        order: (N,) a permutation of the sources.
        look_alikes: (N, K) sources, or -1, from :func:`find_look_alikes`.

    Returns:
        (N,) a permutation: the first of ``order``, those of its look-alikes that are still to be
        placed, the next of ``order`` that is, and so on.
    """
    placed = np.zeros(len(order), dtype=bool)
    result = []
    for source in order:
        if placed[source]:
            continue
        for each in (source, *look_alikes[source]):
            if each >= 0 and not placed[each]:
                placed[each] = True
                result.append(each)
    return np.array(result, dtype=np.int64)


@dataclass(eq=False, kw_only=True)
class StepBatchSampler(Sampler[list[PairKey]]):
    """Yields this process's share of the batches of one Lightning epoch ("round").

    Attributes:
        num_sources: how many source images there are.
        batch_size: pairs per step over all processes.
        steps_per_round: steps between validations.
        max_steps: steps of the whole run; the last round ends there.
        seed: the run's seed.
        look_alikes: (N, K) int64 sources that are to share each one's batch, or None.
        rank: this process.
        world_size: how many processes; must divide ``batch_size``.
    """

    num_sources: int
    batch_size: int
    steps_per_round: int
    max_steps: int
    seed: int
    look_alikes: NDArray[np.int64] | None = None
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        self.round = 0
        self.sampler = self  # Lightning gives the round to a batch sampler's sampler
        self._shuffled: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each round; ``epoch`` counts rounds from 0."""
        self.round = epoch

    def __len__(self) -> int:
        return min(self.steps_per_round, self.max_steps)

    def __iter__(self) -> Iterator[list[PairKey]]:
        first = self.round * self.steps_per_round
        for step in range(first, min(first + self.steps_per_round, self.max_steps)):
            yield self.batch(step)[self.rank :: self.world_size]

    def batch(self, step: int) -> list[PairKey]:
        """The whole batch of a step, counted from 0 over the run, all processes together."""
        keys = []
        for position in range(step * self.batch_size, (step + 1) * self.batch_size):
            epoch, place = divmod(position, self.num_sources)
            keys.append((epoch, int(self._order(epoch)[place])))
        return keys

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """The order of the sources in a pass over them."""
        if self._shuffled[0] != epoch:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.num_sources)
            if self.look_alikes is not None:
                order = side_by_side(order, self.look_alikes)
            self._shuffled = epoch, order
        return self._shuffled[1]


class Pair(TypedDict):
    """One sample; a batch holds the same keys with a leading dimension B."""

    anchor: Tensor
    """(S, S, 3) uint8 RGB."""
    positive: Tensor
    """(S, S, 3) uint8 RGB, another view of the same source."""
    source: int
    """Which source image, the same number for the same image."""


@dataclass(eq=False)
class PairDataset(Dataset[Pair]):
    """Two views of a source, a pure function of (seed, epoch, index).

    Attributes:
        images: source images, each (H, W, 3) uint8 RGB.
        make_view: the augmentation.
        seed: the run's seed.
    """

    images: Images
    make_view: ViewMaker
    seed: int

    def __getitem__(self, key: PairKey) -> Pair:
        epoch, index = key
        image = self.images[index]
        anchor = self.make_view(image, (self.seed, epoch, index, 0), anchor=True)
        positive = self.make_view(image, (self.seed, epoch, index, 1))
        views = torch.from_numpy(anchor), torch.from_numpy(positive)
        return {"anchor": views[0], "positive": views[1], "source": index}


class PairDataModule(LightningDataModule):
    """The loader of training pairs. Validation reads its images directly (``validation.py``).

    Args:
        config: of the run.
        images: the training split.
        view_size: side of the views, pixels.
        look_alikes: (N, K) int64 sources that are to share each one's batch, or None.
    """

    def __init__(
        self,
        config: TrainConfig,
        images: Images,
        view_size: int,
        look_alikes: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__()
        self.config = config.data
        make_view = ViewMaker(config.augment, view_size, others=images)
        self.dataset = PairDataset(images, make_view, config.seed)
        self.make_sampler = partial(
            StepBatchSampler,
            num_sources=len(images),
            batch_size=config.data.batch_size,
            steps_per_round=config.trainer.val_every,
            max_steps=config.trainer.max_steps,
            seed=config.seed,
            look_alikes=look_alikes,
        )

    def train_dataloader(self) -> DataLoader[Pair]:
        """This process's loader; the configuration has been checked to divide a batch evenly."""
        assert self.trainer is not None
        on_gpu = self.trainer.strategy.root_device.type == "cuda"
        workers = self.config.num_workers
        if workers < 0:  # all cores feed a GPU; a CPU needs them itself and one loader keeps it fed
            workers = max(1, available_cores() // self.trainer.num_devices) if on_gpu else 1
        sampler = self.make_sampler(
            rank=self.trainer.global_rank, world_size=self.trainer.world_size
        )
        # Lightning starts the loader before it tells the sampler of a resumed run its round.
        sampler.set_epoch(self.trainer.global_step // sampler.steps_per_round)
        return DataLoader(
            self.dataset,
            batch_sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=4 if workers else None,
            pin_memory=on_gpu,
            worker_init_fn=_one_thread,
        )


def _one_thread(worker: int) -> None:
    torch.set_num_threads(1)
