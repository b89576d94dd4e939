"""Which images of a folder are used, and in which split: a source is in one of them only.

Files that are one image already count once. Left in, they would be taken for different images:
positives that the loss pushes apart, and training images that the test asks for again.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from neardup.errors import ConfigError
from neardup.files import write_text
from neardup.training.data.manifest import Entry, Manifest, Skipped

LEAST_CONTRAST = 1.0
"""Grey levels of standard deviation; below this an image is blank and nothing can tell it."""

LEAST_BITS = 6
"""A hash with fewer ones, or fewer zeros, than this says too little to match by.

Such hashes belong to flat images and plain gradients, which all look alike to dHash and would
chain into one group; they are matched by content alone.
"""

_SALT = "neardup split 1 "
_LEAST = 2  # images in a split: with one there is no negative


@dataclass(frozen=True, slots=True)
class NearCopy:
    """A file left out because it is the same image as another."""

    path: str
    copy_of: str


@dataclass(frozen=True, slots=True)
class Splits:
    """Positions in ``Manifest.entries``, ordered by content hash, and what is in none of them."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    near_copies: tuple[NearCopy, ...]
    blank: tuple[Skipped, ...]


def split(manifest: Manifest, groups: NDArray[np.int64], *, val: float, test: float) -> Splits:
    """Split by content, so that adding, moving or renaming files moves no other image.

    Of each group of near copies the image with the most pixels stays (then the smallest content
    hash, then the first path) and decides the split; a group only moves if a larger copy comes.
    Changing ``val`` leaves the test split as it is.

    Args:
        manifest: N images.
        groups: (N,) the group of each, from :func:`near_copy_groups`.
        val, test: shares of the images, each >= 0, together below 1.

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
        parts[split_of(entries[index].content_hash, val=val, test=test)].append(index)
    for part, share in {"train": 1 - val - test, "val": val, "test": test}.items():
        if share > 0 and len(parts[part]) < _LEAST:
            raise ConfigError(_too_few(manifest, len(kept), part, len(parts[part]), share))
    return Splits(
        **{part: np.array(indices, np.int64) for part, indices in parts.items()},
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


def split_of(content_hash: str, *, val: float, test: float) -> str:
    """ "train", "val" or "test": where an image belongs if it is used, now and for ever."""
    digest = hashlib.sha256((_SALT + content_hash).encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64  # evenly in [0, 1)
    return "test" if place < test else "val" if place < test + val else "train"


def write_splits(path: Path, manifest: Manifest, splits: Splits) -> None:
    """Record which file went where, as JSON with paths relative to ``root``.

    The file is whole or absent.
    """
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    skipped = sorted([*manifest.skipped, *splits.blank], key=lambda s: s.path)
    record = {
        "root": str(manifest.root.resolve()),
        **{part: [manifest.entries[i].path for i in parts[part]] for part in parts},
        "skipped": [asdict(item) for item in skipped],
        "near_copies": [asdict(item) for item in splits.near_copies],
    }
    write_text(path, json.dumps(record, indent=1) + "\n")


def _preference(entry: Entry) -> tuple[int, str, str]:
    return (-entry.width * entry.height, entry.content_hash, entry.path)


def _too_few(manifest: Manifest, distinct: int, part: str, count: int, share: float) -> str:
    needed = math.ceil(7 / share)  # fails to fill the split less than once in a hundred times
    return (
        f"{manifest.root}: the {part} split would hold {count} of {distinct} distinct images"
        f" ({len(manifest.skipped)} files could not be read); about {needed} are needed"
        f" for a share of {share:g}. Add images"
        + (f" or raise data.{part}_fraction" if part != "train" else "")
    )


def near_copy_groups(manifest: Manifest, *, radius: int) -> NDArray[np.int64]:
    """Group the files that are one image: equal bytes, or dHashes at most ``radius`` bits apart.

    Groups are connected components, so a chain of small differences is one group.

    Args:
        manifest: N images.
        radius: bits of 64, in [0, 64); 0 asks for equal hashes.

    Returns:
        (N,) int64, the group of each entry; groups are numbered from 0.
    """
    contents = np.array([entry.content_hash for entry in manifest.entries], dtype=str)
    hashes = np.array([entry.dhash for entry in manifest.entries], dtype=np.uint64)
    ones = _count_ones(hashes)
    telling = np.flatnonzero((ones >= LEAST_BITS) & (ones <= 64 - LEAST_BITS))
    values, first, inverse = np.unique(hashes[telling], return_index=True, return_inverse=True)
    links = [
        _links_of_equals(np.unique(contents, return_inverse=True)[1]),
        telling[_links_of_equals(inverse)],
        telling[first[pairs_within(values, radius)]],
    ]
    a, b = np.concatenate(links).T
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), (len(hashes), len(hashes)))
    labels: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels


def _links_of_equals(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Link each position to the next one with the same label, (P, 2)."""
    order = np.argsort(labels, kind="stable")
    same = labels[order[1:]] == labels[order[:-1]]
    return np.stack([order[:-1][same], order[1:][same]], axis=1)


def pairs_within(hashes: NDArray[np.uint64], radius: int) -> NDArray[np.int64]:
    """All pairs of distinct hashes at most ``radius`` bits apart; exact.

    Hashes that differ in ``radius`` bits agree in two of ``radius`` + 2 blocks of bits, so only
    those that agree in some two blocks are compared (G. S. Manku, A. Jain & A. Das Sarma,
    "Detecting near-duplicates for web crawling", 2007). The blocks of a large radius are too short
    to tell much: then all are compared with all.

    Args:
        hashes: (N,) uint64, no value twice.
        radius: >= 0.

    Returns:
        (P, 2) int64, positions in ``hashes``, each row ascending, rows without repeats.
    """
    agreeing = 2 if radius <= 10 else 0
    edges = np.linspace(0, 64, radius + agreeing + 1).astype(int)
    blocks = [(1 << int(high)) - (1 << int(low)) for low, high in pairwise(edges)]
    found = [np.empty((0, 2), np.int64)]
    for chosen in combinations(blocks, agreeing):
        for first, second in _pairs_of_equals(hashes & np.uint64(sum(chosen))):
            near = _count_ones(hashes[first] ^ hashes[second]) <= radius
            found.append(np.sort(np.stack([first[near], second[near]], axis=1), axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _pairs_of_equals(
    keys: NDArray[np.uint64],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Positions of all pairs with equal keys, many at a time."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    place, shift = np.arange(len(keys)), 1
    while len(place):
        place = place[place + shift < len(keys)]
        place = place[keys[place] == keys[place + shift]]
        yield order[place], order[place + shift]
        shift += 1


def _count_ones(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    if hasattr(np, "bitwise_count"):  # numpy 2
        return np.asarray(np.bitwise_count(values), np.uint8)
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), 8)
    return np.asarray(np.unpackbits(octets, axis=1).sum(axis=1), np.uint8)
