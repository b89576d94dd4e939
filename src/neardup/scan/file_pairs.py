"""The pairs a scan found, as files: made one at a time, for there may be millions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from neardup.scan.picture import Picture
from neardup.scan.search import Pairs


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two files at a distance within the threshold; ``identical``: in every byte."""

    a: Path
    b: Path
    distance: float
    identical: bool


class FilePairs(Sequence[DuplicatePair]):
    """Identical files first, then pairs of contents (by their best file), nearest first.

    Args:
        left: pictures that the pairs' left rows stand for.
        right: and the right ones.
        pairs: within the threshold.
        identical: also pair each further identical file of ``left`` with the one to keep.
    """

    def __init__(
        self,
        left: Sequence[Picture],
        right: Sequence[Picture],
        pairs: Pairs,
        *,
        identical: bool,
    ) -> None:
        order = np.lexsort((pairs.right, pairs.left, pairs.distance))
        self._left, self._right = left, right
        self._pairs = Pairs(pairs.left[order], pairs.right[order], pairs.distance[order])
        self._identical = [
            DuplicatePair(picture.path, file.path, 0.0, True)
            for picture in (left if identical else ())
            for file in picture.files[1:]
        ]

    def __len__(self) -> int:
        return len(self._identical) + len(self._pairs.left)

    @overload
    def __getitem__(self, place: int) -> DuplicatePair: ...
    @overload
    def __getitem__(self, place: slice) -> list[DuplicatePair]: ...
    def __getitem__(self, place: int | slice) -> DuplicatePair | list[DuplicatePair]:
        if isinstance(place, slice):
            return [self._at(each) for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._at(place % len(self))

    def __iter__(self) -> Iterator[DuplicatePair]:
        return map(self._at, range(len(self)))

    def _at(self, place: int) -> DuplicatePair:
        if place < len(self._identical):
            return self._identical[place]
        row = place - len(self._identical)
        a, b = self._left[self._pairs.left[row]], self._right[self._pairs.right[row]]
        return DuplicatePair(a.path, b.path, float(self._pairs.distance[row]), a.sha256 == b.sha256)
