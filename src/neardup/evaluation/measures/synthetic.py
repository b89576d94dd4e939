"""Copies of known origin: every edit of every source image, against all the originals."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neardup.distance import l2_matrix
from neardup.evaluation.edits.named import Edit, apply_edit
from neardup.evaluation.edits.pixels import Pixels
from neardup.evaluation.measures.metrics import at_threshold, average_precision

Embed = Callable[[list[Pixels]], NDArray[np.float32]]
"""Images of any size -> (N, D) float32 unit vectors."""

_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class EditScores:
    """Distances of edited queries to the R originals.

    Attributes:
        distance: (Q, R) float32 in [0, 2].
        query_source: (Q,) int64, the reference that each query was made from.
        query_family: (Q,) int64, index into ``families``.
        families: the name of each edit, such as ``zoom 1.5x``.
    """

    distance: NDArray[np.float32]
    query_source: NDArray[np.int64]
    query_family: NDArray[np.int64]
    families: tuple[str, ...]

    @property
    def is_positive(self) -> NDArray[np.bool_]:
        """(Q, R) bool: the query was made from the reference; all other pairs are negatives."""
        references = np.arange(self.distance.shape[1])
        return np.equal.outer(self.query_source, references)

    def pairs(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """All pairs as (P,) distances and (P,) bool, P = Q R."""
        return self.distance.ravel(), self.is_positive.ravel()

    def of(self, family: int) -> "EditScores":
        """The queries of one edit alone, still against all references."""
        rows = self.query_family == family
        return EditScores(
            self.distance[rows], self.query_source[rows], self.query_family[rows], self.families
        )


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """How one edit, or all of them (``family == "all"``), fares at a threshold; shares in [0, 1].

    Attributes:
        family: the edit's name.
        queries: how many edited images.
        average_precision: over this edit's queries and all references.
        rank_1: share of queries whose nearest reference is their source; a tie is a miss.
        recall: share of queries within the threshold of their source.
        precision: share of the pairs within the threshold that are query and source; 1 if none.
    """

    family: str
    queries: int
    average_precision: float
    rank_1: float
    recall: float
    precision: float


def edit_image(
    image: Pixels, index: int, edit: Edit, *, seed: int, ground: Pixels | None = None
) -> Pixels:
    """The edited image; its randomness depends on ``seed``, the edit and ``index`` alone."""
    rng = np.random.default_rng([seed, zlib.crc32(edit.name.encode()), index])
    return apply_edit(image, edit, rng, ground)


def score_edits(
    images: Sequence[Pixels], edits: Sequence[Edit], embed: Embed, *, seed: int
) -> EditScores:
    """Edit every image in every way and measure the distance to every original.

    Args:
        images: R source images (H, W, 3) uint8, no two of the same picture.
        edits: the transformations; Q = R times their number.
        embed: images to unit vectors, called with at most 128 images at a time.
        seed: of the edits' randomness.
    """
    references = _embed_all(images, embed)
    rows = [
        l2_matrix(_embed_all(images, embed, edit=edit, seed=seed), references) for edit in edits
    ]
    sources = np.arange(len(images), dtype=np.int64)
    return EditScores(
        distance=np.concatenate(rows),
        query_source=np.tile(sources, len(edits)),
        query_family=np.repeat(np.arange(len(edits), dtype=np.int64), len(images)),
        families=tuple(edit.name for edit in edits),
    )


def summarise(scores: EditScores, threshold: float | None) -> list[FamilyRow]:
    """One row per edit, and the row ``all`` over every query together at the end."""
    rows = [_row(name, scores.of(family), threshold) for family, name in enumerate(scores.families)]
    return [*rows, _row("all", scores, threshold)]


def rank_1(scores: EditScores) -> float:
    """Share of queries strictly closer to their source than to any other reference."""
    own = np.take_along_axis(scores.distance, scores.query_source[:, None], axis=1)
    as_close = np.count_nonzero(scores.distance <= own, axis=1)
    return float(np.mean(as_close == 1))


def _row(name: str, scores: EditScores, threshold: float | None) -> FamilyRow:
    distance, is_positive = scores.pairs()
    precision, recall = at_threshold(distance, is_positive, threshold)
    return FamilyRow(
        family=name,
        queries=len(scores.query_source),
        average_precision=average_precision(distance, is_positive),
        rank_1=rank_1(scores),
        recall=recall,
        precision=precision,
    )


def _embed_all(
    images: Sequence[Pixels], embed: Embed, *, edit: Edit | None = None, seed: int = 0
) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(images), _AT_ONCE):
        batch = [images[i] for i in range(start, min(start + _AT_ONCE, len(images)))]
        if edit is not None:
            batch = [edit_image(img, start + i, edit, seed=seed) for i, img in enumerate(batch)]
        parts.append(embed(batch))
    return np.concatenate(parts)
