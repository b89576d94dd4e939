"""Protocol ``groups``: real copies, listed in a CSV file of pictures and their groups."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from neardup.errors import ConfigError
from neardup.evaluation.protocols.label_files import inside, read_rows
from neardup.evaluation.protocols.plan import LARGEST_SIDE, Files, Plan
from neardup.evaluation.protocols.task import Ids, PairList, Task

_ALL = "*"


@dataclass(frozen=True, slots=True)
class _Labels:
    names: list[str]
    groups: list[str]
    ignored: list[set[str]]
    classes: list[str]


def plan_groups(root: Path, csv_file: Path) -> Plan:
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
    sizes = Counter(labels.groups)
    if len(sizes) < 2:
        raise ConfigError(f"{csv_file}: only one group, so there is no pair that is not a copy")
    if max(sizes.values()) < 2:
        raise ConfigError(f"{csv_file}: no group has two pictures, so there is no pair to find")
    copies = sum(size * (size - 1) // 2 for size in sizes.values())
    return Plan(
        pictures=Files(root, labels.names, LARGEST_SIDE),
        make_task=lambda kept: _make_task(labels, kept),
        description=(
            f"{len(labels.names)} pictures in {len(sizes)} groups ({copies} real copies) "
            f"from {root.resolve().name}"
        ),
    )


def _read(root: Path, csv_file: Path) -> _Labels:
    labels = _Labels([], [], [], [])
    seen: dict[str, tuple[int, dict[str, str]]] = {}
    for number, row in read_rows(csv_file, needed=("path", "group"), optional=("ignore", "class")):
        where = f"{csv_file}, line {number}"
        inside(root, row["path"], where=where)
        line, earlier = seen.setdefault(row["path"], (number, row))
        if earlier != row:
            raise ConfigError(f"{where}: {row['path']} stands otherwise on line {line}")
        if line != number:
            continue  # the same line again says nothing new
        labels.names.append(row["path"])
        labels.groups.append(row["group"])
        labels.ignored.append({part.strip() for part in row["ignore"].split(";")} - {""})
        labels.classes.append(row["class"])
    if not labels.names:
        raise ConfigError(f"{csv_file}: no picture is listed")
    known = {*labels.groups, _ALL}
    for name, ignored in zip(labels.names, labels.ignored, strict=True):
        if unknown := ignored - known:
            raise ConfigError(f"{csv_file}: {name} ignores {sorted(unknown)[0]!r}, no such group")
    return labels


def _make_task(labels: _Labels, kept: Ids) -> Task:
    group = _numbers([labels.groups[i] for i in kept])
    named = [labels.classes[i] for i in kept]
    classes = np.where(np.array([not name for name in named]), -1, _numbers(named))
    ignored = _ignored_pairs([labels.ignored[i] for i in kept], [labels.groups[i] for i in kept])
    copies = _pairs(
        pair
        for members in _members(group.tolist()).values()
        for pair in permutations(members, 2)
        if pair not in ignored
    )
    names = tuple(labels.names[i] for i in kept)
    return Task(
        query_names=names,
        reference_names=names,
        query_source=group,
        reference_source=group,
        positive=copies,
        ignored=_pairs(ignored),
        query_family=np.zeros(len(kept), dtype=np.int64),
        families=("real copies",),
        query_class=classes,
        reference_class=classes,
        same_set=True,
    )


def _ignored_pairs(ignores: list[set[str]], groups: list[str]) -> set[tuple[int, int]]:
    """Both directions of every pair that counts nowhere."""
    members = _members(groups)
    pairs = set()
    for a, names in enumerate(ignores):
        wanted = members.keys() if _ALL in names else names
        for b in (place for name in wanted for place in members.get(name, ())):
            if a != b:
                pairs |= {(a, b), (b, a)}
    return pairs


def _members(groups: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    """Group -> the places of its pictures."""
    members: dict[Hashable, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    return members


def _numbers(names: list[str]) -> Ids:
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _pairs(pairs: Iterable[tuple[int, int]]) -> PairList:
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
