"""What a scan found: groups of pictures, pairs of files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from neardup.library.file import File, Picture, Skipped
from neardup.library.intake import Counts
from neardup.scan.decisions import Decisions
from neardup.search.exact import Pairs


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


@dataclass(frozen=True, slots=True)
class Member:
    """A picture in a group and its L2 distance, in [0, 2], to the group's first picture."""

    picture: Picture
    distance: float


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Pictures that are the same picture.

    Attributes:
        members: the first is the representative: the copy to keep, or, against a second folder,
            the picture of that folder. Every other is within the threshold of it, nearest first.
        why: why the first is the one to keep, in words.
    """

    members: tuple[Member, ...]
    why: str

    @property
    def farthest(self) -> float:
        """The largest distance to the representative: the smaller, the surer the group."""
        return max(member.distance for member in self.members)

    @property
    def files(self) -> list[File]:
        """Every file, the one to keep first."""
        return [file for member in self.members for file in member.picture.files]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """What a scan found.

    Attributes:
        folder: what was scanned.
        against: the folder it was compared with; None when it was compared with itself.
        threshold: L2 distance in [0, 2]; pairs at or below it are duplicates.
        at: the operating point that the threshold came from.
        encoder_id: sha256 of the encoder.
        groups: surest first.
        pairs: each further identical file with the one to keep, then all pairs of contents
            within the threshold, nearest first, by the file to keep of each.
        blank: files of nearly one colour, which are compared with nothing.
        skipped: files and folders that could not be read, in order, and why.
        decisions: what a person had decided, and the groups and pairs honour.
        counts: what became of the files.
        seconds: how long each stage took.
        search: how the pairs were searched, in words.
        stray_decisions: how many of the decisions name a picture that is not here.
    """

    folder: Path
    against: Path | None
    threshold: float
    at: str
    encoder_id: str
    groups: Sequence[DuplicateGroup]
    pairs: Sequence[DuplicatePair]
    blank: Sequence[File]
    skipped: Sequence[Skipped]
    decisions: Decisions
    counts: Counts
    seconds: dict[str, float]
    search: str
    stray_decisions: int = 0
