"""The closest of more pairs than memory holds."""

import numpy as np
from numpy.typing import NDArray

from neardup.evaluation.task import Ids


class ClosestPairs:
    """The ``keep`` closest pairs seen so far; about twice as many are in memory at most.

    Attributes:
        complete_to: every pair at or below this distance is held; inf: every pair seen.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._pairs: list[Ids] = []
        self._distances: list[NDArray[np.float32]] = []
        self._held = 0
        self.complete_to = float("inf")

    def add(self, block: NDArray[np.float32], first_row: int) -> None:
        """See the pairs of a block (n, m); inf is no pair; its first row has this number."""
        limit = min(self.complete_to, float(np.finfo(np.float32).max))
        rows, columns = np.nonzero(block <= np.float32(limit))
        self._pairs.append(np.stack([rows + first_row, columns], axis=1))
        self._distances.append(block[rows, columns])
        self._held += len(rows)
        if self._held > 2 * self._keep:
            self._trim()

    def sorted(self) -> tuple[Ids, NDArray[np.float32]]:
        """(K, 2) int64 row and column, and (K,) float32 distances, ascending; K <= ``keep``."""
        if self._held > self._keep:
            self._trim()
        distances = np.concatenate(self._distances or [np.empty(0, dtype=np.float32)])
        pairs = np.concatenate(self._pairs or [np.empty((0, 2), dtype=np.int64)])
        order = np.argsort(distances, kind="stable")
        return pairs[order], distances[order]

    def _trim(self) -> None:
        """Drop everything as far as the first pair too many, so that ties stay whole."""
        distances, pairs = np.concatenate(self._distances), np.concatenate(self._pairs)
        first_out = np.partition(distances, self._keep)[self._keep]
        stays = distances < first_out
        self._distances, self._pairs = [distances[stays]], [pairs[stays]]
        self._held = int(np.count_nonzero(stays))
        self.complete_to = float(np.nextafter(first_out, np.float32(-1)))
