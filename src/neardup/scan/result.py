"""What a scan found."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neardup.scan.contents import File, Skipped
from neardup.scan.decisions import Decisions
from neardup.scan.file_pairs import DuplicatePair
from neardup.scan.picture import Picture


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
class Counts:
    """Every file seen is one of these: embedded + identical + blank + skipped = seen."""

    seen: int
    embedded: int
    identical: int
    blank: int
    skipped: int


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

    def to_csv(self, path: str | Path) -> None:
        """Write ``pairs`` as comma-separated values."""
        from neardup.report.tables import write_pairs

        write_pairs(self, Path(path))

    def to_html(self, path: str | Path) -> None:
        """Write one self-contained page to look through the groups and decide."""
        from neardup.report.page import write_page

        write_page(self, Path(path))

    def to_pandas(self) -> Any:
        """``pairs`` as a DataFrame with the columns a, b, distance, identical (needs pandas)."""
        pandas = importlib.import_module("pandas")
        rows: list[dict[str, Any]] = [
            {
                "a": str(pair.a),
                "b": str(pair.b),
                "distance": pair.distance,
                "identical": pair.identical,
            }
            for pair in self.pairs
        ]
        return pandas.DataFrame(rows, columns=["a", "b", "distance", "identical"])
