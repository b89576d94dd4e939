"""Which images of a training folder are the same picture already.

Left in, they would be taken for different pictures: positives that the loss pushes apart.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from neardup.training.data.manifest import Manifest

LEAST_BITS = 6
"""A hash with fewer ones, or fewer zeros, than this says too little to match by.

Such hashes belong to flat pictures and plain gradients, which all look alike to dHash and would
chain into one group; they are matched by content alone.
"""

_BLOCK = 1024


def near_copy_groups(manifest: Manifest, *, radius: int = 3) -> NDArray[np.int64]:
    """Group the images that are one picture: equal bytes, or dHashes at most `radius` bits apart.

    Groups are connected components, so a chain of small differences is one group.

    Args:
        radius: bits of 64, in [0, 64); 0 asks for equal hashes.

    Returns:
        (N,) int64, the group of each entry; groups are numbered from 0 by first appearance.
    """
    contents = np.array([entry.content_hash for entry in manifest.entries], dtype=str)
    hashes = np.array([entry.dhash for entry in manifest.entries], dtype=np.uint64)
    same_bytes = _links_of_equals(np.unique(contents, return_inverse=True)[1])
    ones = _count_ones(hashes)
    telling = np.flatnonzero((ones >= LEAST_BITS) & (ones <= 64 - LEAST_BITS))
    similar = telling[_links_within(hashes[telling], radius)]
    return _components(len(hashes), np.concatenate([same_bytes, similar]))


def pairs_within(hashes: NDArray[np.uint64], radius: int) -> NDArray[np.int64]:
    """All pairs of distinct hashes at most `radius` bits apart; exact.

    By the pigeonhole principle, hashes cut into `radius` + k blocks of bits agree in k whole blocks
    if they differ in `radius` bits: only hashes that agree in some k blocks are compared
    (G. S. Manku, A. Jain & A. Das Sarma, "Detecting near-duplicates for web crawling", 2007).

    Args:
        hashes: (N,) uint64, no value twice.
        radius: >= 1.

    Returns:
        (P, 2) int64, positions in `hashes`, each row ascending, rows without repeats.
    """
    blocks = _best_blocks(len(hashes), radius)
    candidates = _all_pairs(hashes) if blocks is None else _agreeing(hashes, radius, blocks)
    found = [np.empty((0, 2), np.int64)]
    for first, second in candidates:
        near = _count_ones(hashes[first] ^ hashes[second]) <= radius
        if near.any():
            found.append(np.sort(np.stack([first[near], second[near]], axis=1), axis=1))
    return np.unique(np.concatenate(found), axis=0)


_Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def _agreeing(hashes: NDArray[np.uint64], radius: int, blocks: int) -> Iterator[_Pairs]:
    """Pairs that agree in some `blocks` - `radius` blocks of bits; a pair may come repeatedly."""
    edges = np.linspace(0, 64, blocks + 1).astype(int)
    masks = [(1 << int(high)) - (1 << int(low)) for low, high in pairwise(edges)]
    for chosen in combinations(masks, blocks - radius):
        keys = hashes & np.uint64(sum(chosen))
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        place, shift = np.arange(len(keys)), 1
        while len(place):
            place = place[place + shift < len(keys)]
            place = place[keys[place] == keys[place + shift]]
            yield order[place], order[place + shift]
            shift += 1


def _all_pairs(hashes: NDArray[np.uint64]) -> Iterator[_Pairs]:
    everything = np.arange(len(hashes))
    for start in range(0, len(hashes), _BLOCK):
        rows = everything[start : start + _BLOCK]
        first, second = np.meshgrid(rows, everything[start:], indexing="ij")
        later = second > first
        yield first[later], second[later]


def _best_blocks(count: int, radius: int) -> int | None:
    """How many blocks to cut hashes into for the least work; None: comparing all pairs is less."""
    best, least = None, count**2 / 2
    for extra in range(1, 5):
        blocks = radius + extra
        if blocks > 64:
            break
        expected = count**2 / 2 / 2 ** (64 * extra / blocks - 2)  # real hashes are not uniform
        work = comb(blocks, extra) * (20 * count + 4 * expected)
        if work < least:
            best, least = blocks, work
    return best


def _links_within(hashes: NDArray[np.uint64], radius: int) -> NDArray[np.int64]:
    values, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    links = _links_of_equals(inverse)
    if radius > 0 and len(values) > 1:
        links = np.concatenate([links, first[pairs_within(values, radius)]])
    return links


def _links_of_equals(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Link each position to the next one with the same label, (P, 2)."""
    order = np.argsort(labels, kind="stable")
    same = labels[order[1:]] == labels[order[:-1]]
    return np.stack([order[:-1][same], order[1:][same]], axis=1)


def _components(count: int, links: NDArray[np.int64]) -> NDArray[np.int64]:
    graph = coo_array((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), (count, count))
    labels = connected_components(graph, directed=False)[1]
    first, inverse = np.unique(labels, return_index=True, return_inverse=True)[1:]
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def _count_ones(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    if hasattr(np, "bitwise_count"):  # numpy 2
        return np.asarray(np.bitwise_count(values), np.uint8)
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), 8)
    return np.asarray(np.unpackbits(octets, axis=1).sum(axis=1), np.uint8)
