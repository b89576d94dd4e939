"""What a scan found: groups of pictures, pairs of files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, overload

import numpy as np

from neardup.library.file import File, Picture, Skipped
from neardup.library.intake import Counts
from neardup.library.listing import Selection
from neardup.probability import Calibration
from neardup.scan.decisions import Decisions
from neardup.scan.second_look import NO_MATCHES, Matches
from neardup.search.exact import Pairs
from neardup.verify.match import IDENTICAL, Match


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a pair beyond its distance.

    Attributes:
        calibration: the bundle's; None: it has none, so that no probability is known.
        matches: what a second look found.
        pictures: how many were compared.
    """

    calibration: Calibration | None = None
    matches: Matches = NO_MATCHES
    pictures: int = 2

    def match(self, a: Picture, b: Picture) -> Match | None:
        """How ``b`` was made from ``a``; None where no second look found that."""
        if a.sha256 == b.sha256:
            return IDENTICAL
        return self.matches.between(a.sha256, b.sha256)

    def probability(self, a: Picture, b: Picture, distance: float) -> float | None:
        """That two pictures at an L2 distance are one; None without a calibration."""
        if a.sha256 == b.sha256:
            return 1.0
        if self.calibration is None:
            return None
        looked = self.matches.looked_at(a.sha256, b.sha256)
        return self.calibration.of(
            distance, self.match(a, b), looked=looked, pictures=self.pictures
        )


NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two files that show the same picture.

    Attributes:
        a, b: the files.
        distance: L2, in [0, 2].
        identical: in every byte.
        probability: that they are one picture, in (0, 1]; None: the bundle has no calibration.
        match: how the one was made from the other, where a second look found that.
    """

    a: Path
    b: Path
    distance: float
    identical: bool
    probability: float | None = None
    match: Match | None = None


class FilePairs(Sequence[DuplicatePair]):
    """Identical files first, then pairs of contents (by their best file), nearest first.

    Args:
        left: pictures that the pairs' left rows stand for.
        right: and the right ones.
        pairs: within the threshold.
        identical: also pair each further identical file of ``left`` with the one to keep, unless
            it is a reference.
        evidence: what is known of each pair beyond its distance.
    """

    def __init__(
        self,
        left: Sequence[Picture],
        right: Sequence[Picture],
        pairs: Pairs,
        *,
        identical: bool,
        evidence: Evidence = NO_EVIDENCE,
    ) -> None:
        order = np.lexsort((pairs.right, pairs.left, pairs.distance))
        self._left, self._right, self._evidence = left, right, evidence
        self._pairs = pairs.chosen(order)
        self._by_distance = (
            evidence.calibration.by_distance(self._pairs.distance, evidence.pictures)
            if evidence.calibration is not None
            else None
        )
        self._identical = [
            DuplicatePair(picture.path, file.path, 0.0, True, 1.0, IDENTICAL)
            for picture in (left if identical else ())
            for file in picture.files[1:]
            if not file.reference
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
        distance, identical = float(self._pairs.distance[row]), a.sha256 == b.sha256
        if (
            self._by_distance is None
            or identical
            or self._evidence.matches.looked_at(a.sha256, b.sha256)
        ):
            probability = self._evidence.probability(a, b, distance)
        else:
            probability = float(self._by_distance[row])  # for all at once: quicker
        match = self._evidence.match(a, b)
        return DuplicatePair(a.path, b.path, distance, identical, probability, match)


@dataclass(frozen=True, slots=True)
class Member:
    """A picture in a group.

    Attributes:
        picture: the picture.
        distance: L2, in [0, 2], to the group's first picture.
        probability: that it is the group's first picture, in (0, 1]; None: not known.
        match: how it was made from the first, where a second look found that.
        looked: whether there was a second look at it and the first.
    """

    picture: Picture
    distance: float
    probability: float | None = None
    match: Match | None = None
    looked: bool = False


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Pictures that are the same picture.

    Attributes:
        members: the first is the representative: the copy to keep, or, against a second folder,
            the picture of that folder. Every other is within the threshold of it, nearest first.
        why: why the first is the one to keep, in words.
        proposed: whether it is: False where nothing tells which copy is the original.
    """

    members: tuple[Member, ...]
    why: str
    proposed: bool = True

    @property
    def farthest(self) -> float:
        """The largest distance to the representative: the smaller, the surer the group."""
        return max(member.distance for member in self.members)

    @property
    def files(self) -> list[File]:
        """Every file, the one to keep first."""
        return [file for member in self.members for file in member.picture.files]

    @property
    def spare(self) -> list[File]:
        """The files beyond the one to keep, without references."""
        return [file for file in self.files[1:] if not file.reference]


@dataclass(frozen=True, slots=True)
class Leakage:
    """How many pictures of the folders scanned are in the folder they were compared with.

    Attributes:
        pictures: files below the folders scanned that could be compared.
        leaked: those of them with a copy below the other folder, in the order of their paths.
        other_pictures: files below the other folder that could be compared.
        other_leaked: how many of those have a copy below the folders scanned.
    """

    pictures: int
    leaked: Sequence[Path]
    other_pictures: int
    other_leaked: int

    @classmethod
    def of(
        cls,
        groups: Sequence[DuplicateGroup],
        scanned: Sequence[Picture],
        others: Sequence[Picture],
    ) -> Self:
        """Count what the groups hold, each a picture of ``others`` before those it is found in."""
        firsts = [group.members[0].picture for group in groups]
        return cls(
            pictures=sum(len(picture.files) for picture in scanned),
            leaked=sorted({file.path for group in groups for file in group.spare}),
            other_pictures=sum(len(picture.files) for picture in others),
            other_leaked=sum(len(picture.files) for picture in firsts),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """What a scan found.

    Attributes:
        selection: what was scanned, and the folder it was compared with if there was one.
        leakage: how much of the one is in the other; None when folders were compared with
            themselves.
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
        scenes: pairs that a second look takes for two shots of one scene, not called duplicates.
        left_out: how many files the patterns of the selection left out.
        idle_patterns: patterns of the selection that no file fits, misspelt perhaps.
        companions: of a picture's path, the films and notes that belong to it.
    """

    selection: Selection
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
    scenes: Sequence[DuplicatePair] = ()
    leakage: Leakage | None = None
    left_out: int = 0
    idle_patterns: Sequence[str] = ()
    companions: Mapping[Path, Sequence[Path]] = field(default_factory=dict)

    @property
    def spare(self) -> list[File]:
        """The files beyond those to keep, without references, each once."""
        return list({file.path: file for group in self.groups for file in group.spare}.values())

    @property
    def to_gain(self) -> int:
        """Bytes that the disk would gain if the spare files went: links to what stays are none."""
        spare = [file for file in self.spare if not file.link]
        paths = {file.path for file in spare}
        stay = {
            file.inode for group in self.groups for file in group.files if file.path not in paths
        }
        going = {file.inode or file.path: file for file in spare}
        return sum(file.bytes for file in going.values() if file.inode not in stay - {None})
