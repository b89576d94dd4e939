"""Training, validation and test images of a folder; a source is in one of them only."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neardup.errors import ConfigError, in_words
from neardup.files import write_text
from neardup.training.data.manifest import Entry, Manifest, Skipped

LEAST_CONTRAST = 1.0
"""Grey levels of standard deviation; below this a picture is blank and nothing can tell it."""

_SALT = "neardup split 1 "
_LEAST = 2  # images in a split: with one there is no negative


@dataclass(frozen=True, slots=True)
class NearCopy:
    """A file left out because it is the same picture as another."""

    path: str
    copy_of: str


@dataclass(frozen=True, slots=True)
class Splits:
    """Positions in `Manifest.entries`, ordered by content hash, and what is in none of them."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    near_copies: tuple[NearCopy, ...]
    blank: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """The content of a `splits.json`; paths are relative to `root`."""

    root: str
    train: list[str]
    val: list[str]
    test: list[str]
    skipped: list[Skipped]
    near_copies: list[NearCopy]


def split(
    manifest: Manifest, groups: NDArray[np.int64], *, val: float = 0.1, test: float = 0.1
) -> Splits:
    """Split by content, so that adding, moving or renaming files moves no other picture.

    Of each group of near copies the picture with the most pixels stays (then the smallest content
    hash, then the first path) and decides the split; a group only moves if a larger copy comes.
    Changing `val` leaves the test split as it is.

    Args:
        groups: (N,) the group of each entry, from `near_copy_groups`.
        val, test: shares of the pictures, each >= 0, together below 1.

    Raises:
        ConfigError: the shares make no sense, or a split would hold fewer than 2 images.
    """
    if not (val >= 0 and test >= 0 and val + test < 1):
        raise ConfigError(
            f"data.val_fraction={val}, data.test_fraction={test}: must be >= 0 and together < 1"
        )
    entries = manifest.entries
    blank = [e.contrast < LEAST_CONTRAST for e in entries]
    kept: dict[int, int] = {}
    for index in sorted(range(len(entries)), key=lambda i: _preference(entries[i])):
        if not blank[index]:
            kept.setdefault(int(groups[index]), index)

    parts: dict[str, list[int]] = {"train": [], "val": [], "test": []}
    for index in sorted(kept.values(), key=lambda i: entries[i].content_hash):
        place = _fraction(entries[index].content_hash)
        part = "test" if place < test else "val" if place < test + val else "train"
        parts[part].append(index)
    for part, share in {"train": 1 - val - test, "val": val, "test": test}.items():
        if share > 0 and len(parts[part]) < _LEAST:
            raise ConfigError(_too_few(manifest, len(kept), part, len(parts[part]), share))
    return Splits(
        train=np.array(parts["train"], np.int64),
        val=np.array(parts["val"], np.int64),
        test=np.array(parts["test"], np.int64),
        near_copies=tuple(
            NearCopy(entry.path, entries[kept[int(groups[index])]].path)
            for index, entry in enumerate(entries)
            if not blank[index] and kept[int(groups[index])] != index
        ),
        blank=tuple(
            Skipped(entry.path, "blank: a single flat colour")
            for entry, is_blank in zip(entries, blank, strict=True)
            if is_blank
        ),
    )


def write_splits(path: Path, manifest: Manifest, splits: Splits) -> None:
    """Record which file went where, as JSON; the file is whole or absent."""

    def paths(positions: NDArray[np.int64]) -> list[str]:
        return [manifest.entries[i].path for i in positions]

    skipped = sorted([*manifest.skipped, *splits.blank], key=lambda s: s.path)
    record = {
        "root": str(manifest.root.resolve()),
        "train": paths(splits.train),
        "val": paths(splits.val),
        "test": paths(splits.test),
        "skipped": [{"path": s.path, "reason": s.reason} for s in skipped],
        "near_copies": [{"path": c.path, "copy_of": c.copy_of} for c in splits.near_copies],
    }
    write_text(path, json.dumps(record, indent=1) + "\n")


def read_splits(path: Path) -> SplitRecord:
    """Read a `splits.json`.

    Raises:
        ConfigError: it is missing or not what `write_splits` writes.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        return SplitRecord(
            root=content["root"],
            train=content["train"],
            val=content["val"],
            test=content["test"],
            skipped=[Skipped(**item) for item in content["skipped"]],
            near_copies=[NearCopy(**item) for item in content["near_copies"]],
        )
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: cannot be read as splits ({in_words(error)})") from error


def _preference(entry: Entry) -> tuple[int, str, str]:
    return (-entry.width * entry.height, entry.content_hash, entry.path)


def _fraction(content_hash: str) -> float:
    """Where a content stands in [0, 1), evenly and for ever."""
    digest = hashlib.sha256((_SALT + content_hash).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _too_few(manifest: Manifest, distinct: int, part: str, count: int, share: float) -> str:
    needed = math.ceil(7 / share)  # fails to fill the split less than once in a hundred times
    return (
        f"{manifest.root}: the {part} split would hold {count} of {distinct} distinct images"
        f" ({len(manifest.skipped)} files could not be read); about {needed} are needed"
        f" for a share of {share:g}. Add images"
        + (f" or raise data.{part}_fraction" if part != "train" else "")
    )
