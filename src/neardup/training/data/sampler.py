"""Which pairs make up which step: a function of (seed, step), so a resumed run goes on exactly.

The stream is one shuffle of the sources after another, cut into batches; a batch that spans two
shuffles may hold a source twice, which the losses treat as the same source.
"""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

PairKey = tuple[int, int]
"""(pass over the data, index of the source)."""


class StepBatchSampler(Sampler[list[PairKey]]):
    """Yields this process's share of the batches of one Lightning epoch ("round").

    Args:
        num_sources: how many source images there are.
        batch_size: pairs per step over all processes.
        steps_per_round: steps between validations.
        max_steps: steps of the whole run; the last round ends there.
        seed: the run's seed.
        rank: this process.
        world_size: how many processes; must divide ``batch_size``.
    """

    def __init__(
        self,
        *,
        num_sources: int,
        batch_size: int,
        steps_per_round: int,
        max_steps: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.num_sources = num_sources
        self.batch_size = batch_size
        self.steps_per_round = steps_per_round
        self.max_steps = max_steps
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.round = 0
        self.sampler = self  # Lightning gives the round to a batch sampler's sampler

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
        positions = range(step * self.batch_size, (step + 1) * self.batch_size)
        keys = []
        for position in positions:
            epoch, place = divmod(position, self.num_sources)
            keys.append((epoch, int(self._order(epoch)[place])))
        return keys

    def _order(self, epoch: int) -> np.ndarray:
        if getattr(self, "_cached_epoch", None) != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            self._cached_order = rng.permutation(self.num_sources)
            self._cached_epoch = epoch
        return self._cached_order
