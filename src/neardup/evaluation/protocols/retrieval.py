"""Protocol ``retrieval``: queries against references with a list of true matches.

The style of DISC21 (Douze et al. 2021, "The 2021 Image Similarity Dataset and Challenge") and
Copydays: many queries may match nothing, and references may be mere distractors.
"""

import os
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from neardup.errors import ConfigError
from neardup.evaluation.protocols.dataset import LARGEST_SIDE, Dataset, Files
from neardup.evaluation.protocols.label_files import read_rows
from neardup.evaluation.protocols.task import Ids, PairList, Task, renumber
from neardup.images.reading import list_files


def retrieval_dataset(queries: Path, references: Path, ground_truth: Path) -> Dataset:
    """Every file of one folder against every file of the other.

    The ground truth has the columns ``query`` and ``reference`` (or no header, as DISC21's) and may
    have ``ignore`` (anything in it takes the pair out of all counts). Names are paths below the
    folders, with or without their suffix. A query with an empty reference has no match.

    Raises:
        ConfigError: a folder is missing or empty; a name is unknown or ambiguous; no match is left.
    """
    query_names = _names(queries, "protocol.queries")
    reference_names = _names(references, "protocol.references")
    positive, ignored = _read(ground_truth, query_names, reference_names)
    if not len(positive):
        raise ConfigError(f"{ground_truth}: no query has a reference, so there is nothing to find")
    first = len(query_names)
    root = Path(os.path.commonpath([queries.resolve(), references.resolve()]))
    names = [str(queries.resolve().relative_to(root) / name) for name in query_names]
    names += [str(references.resolve().relative_to(root) / name) for name in reference_names]

    def make_task(kept: Ids) -> Task:
        own, others = kept[kept < first], kept[kept >= first] - first
        matches = renumber(positive, own, others)
        source = _components(matches, len(own), len(others))
        return Task(
            query_names=tuple(names[i] for i in own),
            reference_names=tuple(names[first + i] for i in others),
            query_source=source[: len(own)],
            reference_source=source[len(own) :],
            positive=matches,
            ignored=renumber(ignored, own, others),
            query_family=np.zeros(len(own), dtype=np.int64),
            families=("matches",),
            query_class=np.full(len(own), -1),
            reference_class=np.full(len(others), -1),
        )

    return Dataset(
        pictures=Files(root, names, LARGEST_SIDE),
        make_task=make_task,
        description=(
            f"{first} queries from {queries.resolve().name} against {len(reference_names)} "
            f"references from {references.resolve().name} ({len(positive)} true matches)"
        ),
        references_from=first,
    )


def _components(matches: PairList, queries: int, references: int) -> Ids:
    """(Q + R,) int64: pictures joined by matches are one source."""
    size = queries + references
    ones = np.ones(len(matches))
    graph = coo_array((ones, (matches[:, 0], matches[:, 1] + queries)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _read(
    path: Path, query_names: list[str], reference_names: list[str]
) -> tuple[PairList, PairList]:
    """The matches, and the pairs that count nowhere."""
    query_index, reference_index = _index(query_names), _index(reference_names)
    columns = ("query", "reference", "ignore")
    pairs: dict[tuple[int, int], bool] = {}
    rows = read_rows(path, needed=columns[:1], optional=columns[1:], headless=columns)
    for number, row in rows:
        query = _find(query_index, row["query"], f"{path}, line {number}: query")
        if row["reference"]:
            where = f"{path}, line {number}: reference"
            pairs[query, _find(reference_index, row["reference"], where)] = bool(row["ignore"])
    listed = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    is_ignored = np.array([pairs[pair] for pair in sorted(pairs)], dtype=bool)
    return listed[~is_ignored], listed[is_ignored]


def _names(folder: Path, key: str) -> list[str]:
    if not folder.is_dir():
        raise ConfigError(f"{key}: {folder} is not a folder")
    names = [str(path.relative_to(folder)) for path in list_files(folder)]
    if not names:
        raise ConfigError(f"{key}: {folder} holds no file")
    return names


def _index(names: list[str]) -> dict[str, int | None]:
    """By full name, and by name without suffix; None where that is ambiguous."""
    index: dict[str, int | None] = {}
    for number, name in enumerate(names):
        stem = str(Path(name).with_suffix(""))
        index[stem] = None if stem in index else number
    index.update((name, number) for number, name in enumerate(names))
    return index


def _find(index: dict[str, int | None], name: str, where: str) -> int:
    if name not in index:
        raise ConfigError(f"{where} {name!r} is not in the folder")
    found = index[name]
    if found is None:
        raise ConfigError(f"{where} {name!r} fits several files; write it with its suffix")
    return found
