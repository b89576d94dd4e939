"""Protocol ``groups``: real copies, listed in a CSV file of pictures and their groups."""

from collections import Counter
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from neardup.errors import ConfigError
from neardup.evaluation.protocols.dataset import LARGEST_SIDE, Dataset, Files
from neardup.evaluation.protocols.label_files import read_rows
from neardup.evaluation.protocols.task import PairList, Task

_ALL = "*"


@dataclass(frozen=True, slots=True)
class _Label:
    name: str
    group: str
    ignored: frozenset[str]
    class_name: str


def groups_dataset(root: Path, csv_file: Path) -> Dataset:
    """Every picture against every other; duplicates are pairs within a group.

    The file has the columns ``path`` (relative to ``root``) and ``group``, and may have

    * ``ignore``: groups, separated by ``;``, whose pairs with this picture count nowhere, as when
      nobody can tell; ``*`` for all other pictures; its own group is allowed;
    * ``class``: pictures of one class or burst, which give the hard negatives.

    Raises:
        ConfigError: a file is missing, outside the root or in two groups; fewer than two groups;
            no group of two.
    """
    if not root.is_dir():
        raise ConfigError(f"protocol.root: {root} is not a folder")
    labels = _read(root, csv_file)
    sizes = Counter(label.group for label in labels)
    if len(sizes) < 2:
        raise ConfigError(f"{csv_file}: only one group, so there is no pair that is not a copy")
    if max(sizes.values()) < 2:
        raise ConfigError(f"{csv_file}: no group has two pictures, so there is no pair to find")
    copies = sum(size * (size - 1) // 2 for size in sizes.values())
    return Dataset(
        pictures=Files(root, [label.name for label in labels], LARGEST_SIDE),
        make_task=lambda kept: _make_task([labels[i] for i in kept]),
        description=(
            f"{len(labels)} pictures in {len(sizes)} groups ({copies} real copies) "
            f"from {root.resolve().name}"
        ),
    )


def _read(root: Path, csv_file: Path) -> list[_Label]:
    labels = []
    seen: dict[str, tuple[int, dict[str, str]]] = {}
    for number, row in read_rows(csv_file, needed=("path", "group"), optional=("ignore", "class")):
        where = f"{csv_file}, line {number}"
        _require_inside(root, row["path"], where)
        line, earlier = seen.setdefault(row["path"], (number, row))
        if earlier != row:
            raise ConfigError(f"{where}: {row['path']} stands otherwise on line {line}")
        if line == number:  # the same line again says nothing new
            ignored = frozenset(part.strip() for part in row["ignore"].split(";")) - {""}
            labels.append(_Label(row["path"], row["group"], ignored, row["class"]))
    if not labels:
        raise ConfigError(f"{csv_file}: no picture is listed")
    known = {_ALL, *(label.group for label in labels)}
    for label in labels:
        if unknown := label.ignored - known:
            raise ConfigError(
                f"{csv_file}: {label.name} ignores {sorted(unknown)[0]!r}, no such group"
            )
    return labels


def _require_inside(root: Path, name: str, where: str) -> None:
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise ConfigError(f"{where}: {name} lies outside {root}")
    if not path.is_file():
        raise ConfigError(f"{where}: {name} is not a file in {root}")


def _make_task(labels: list[_Label]) -> Task:
    members: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        members.setdefault(label.group, []).append(place)
    ignored = set()
    for place, label in enumerate(labels):
        for group in members if _ALL in label.ignored else label.ignored & members.keys():
            others = [other for other in members[group] if other != place]
            ignored |= {pair for b in others for pair in ((place, b), (b, place))}
    copies = {pair for places in members.values() for pair in permutations(places, 2)} - ignored
    classes = np.array([label.class_name for label in labels])
    numbers = np.where(classes == "", -1, np.unique(classes, return_inverse=True)[1])
    names = tuple(label.name for label in labels)
    groups = np.unique([label.group for label in labels], return_inverse=True)[1]
    return Task(
        query_names=names,
        reference_names=names,
        query_source=groups,
        reference_source=groups,
        positive=_pairs(copies),
        ignored=_pairs(ignored),
        query_family=np.zeros(len(labels), dtype=np.int64),
        families=("real copies",),
        query_class=numbers,
        reference_class=numbers,
        same_set=True,
    )


def _pairs(pairs: set[tuple[int, int]]) -> PairList:
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
