"""What is compared with what, and which pairs are duplicates: the common form of all protocols."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
PairList = NDArray[np.int64]
"""(P, 2) int64: query index, reference index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Queries against references; every pair not listed is a negative.

    When ``same_set`` the references are the queries themselves: a picture is never compared with
    itself, a pair counts once (i < j) in precision and recall, and from both of its ends where
    neighbours are ranked. ``positive`` and ``ignored`` then hold both (i, j) and (j, i).

    Attributes:
        query_names, reference_names: what reports call the pictures.
        query_source, reference_source: (Q,) and (R,) int64 id of the original picture or group: the
            unit that is resampled, and that is never split between choosing and testing.
        positive: duplicates.
        ignored: pairs that count nowhere.
        query_family: (Q,) int64 index into ``families``; all 0 where there is one kind.
        families: the kinds of query, for tables.
        query_class, reference_class: (Q,) and (R,) int64 class or burst of the picture, -1 unknown.
        same_set: see above.
    """

    query_names: tuple[str, ...]
    reference_names: tuple[str, ...]
    query_source: Ids
    reference_source: Ids
    positive: PairList
    ignored: PairList
    query_family: Ids
    families: tuple[str, ...]
    query_class: Ids
    reference_class: Ids
    same_set: bool = False

    @property
    def sources(self) -> Ids:
        """Sorted ids of all sources."""
        return np.union1d(self.query_source, self.reference_source)

    @property
    def positive_sources(self) -> Ids:
        """Sorted ids of the sources that have a duplicate pair."""
        return np.unique(self.query_source[self.positive[:, 0]])

    @property
    def pair_count(self) -> int:
        """Pairs that count: each once, the ignored ones left out."""
        queries, references = len(self.query_source), len(self.reference_source)
        if self.same_set:
            return queries * (queries - 1) // 2 - len(self.ignored) // 2
        return queries * references - len(self.ignored)

    @property
    def copy_count(self) -> int:
        """Duplicate pairs, each once."""
        return len(self.positive) // (2 if self.same_set else 1)

    def of_sources(self, chosen: Ids) -> tuple["Task", Ids, Ids]:
        """The part among the chosen sources; also the (Q',) and (R',) indices that it kept."""
        return self._part(
            np.flatnonzero(np.isin(self.query_source, chosen)),
            np.flatnonzero(np.isin(self.reference_source, chosen)),
        )

    def of_family(self, family: int) -> tuple["Task", Ids, Ids]:
        """One family's queries against all references; as :meth:`of_sources`."""
        queries = np.flatnonzero(self.query_family == family)
        if self.same_set:
            raise ValueError("families are of queries that are not references themselves")
        return self._part(queries, np.arange(len(self.reference_source)))

    def of_queries(self, queries: Ids) -> "Task":
        """Some of the queries against all references."""
        return self._part(queries, np.arange(len(self.reference_source)))[0]

    def _part(self, queries: Ids, references: Ids) -> tuple["Task", Ids, Ids]:
        part = replace(
            self,
            query_names=tuple(self.query_names[i] for i in queries),
            reference_names=tuple(self.reference_names[i] for i in references),
            query_source=self.query_source[queries],
            reference_source=self.reference_source[references],
            positive=renumber(self.positive, queries, references),
            ignored=renumber(self.ignored, queries, references),
            query_family=self.query_family[queries],
            query_class=self.query_class[queries],
            reference_class=self.reference_class[references],
        )
        return part, queries, references


def renumber(pairs: PairList, queries: Ids, references: Ids) -> PairList:
    """Keep the pairs between the kept (sorted) indices and give them the new numbers."""
    kept = np.isin(pairs[:, 0], queries) & np.isin(pairs[:, 1], references)
    rows, columns = pairs[kept].T
    return np.stack([np.searchsorted(queries, rows), np.searchsorted(references, columns)], axis=1)


_FEWEST_SOURCES = 12
"""Sources with duplicates below which halves would tell nothing."""


def split_sources(task: Task, *, seed: int) -> tuple[Ids, Ids] | None:
    """Two halves of the sources, those with duplicates dealt evenly: to choose on, to test on.

    None where fewer than 12 sources have duplicates.
    """
    if len(task.positive_sources) < _FEWEST_SOURCES:
        return None
    rng = np.random.default_rng(seed)
    with_positives = task.positive_sources
    others = np.setdiff1d(task.sources, with_positives)
    parts = [np.split(rng.permutation(g), [len(g) // 2]) for g in (with_positives, others)]
    choice, test = (np.sort(np.concatenate(half)) for half in zip(*parts, strict=True))
    return choice, test
