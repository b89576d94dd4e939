"""Protocol ``pairs``: copies made by known edits of pictures that have none among themselves."""

from pathlib import Path

import numpy as np

from neardup.errors import ConfigError
from neardup.evaluation.edits import MISSION, STRONG, Edit
from neardup.evaluation.plan import Files, Pictures, Plan
from neardup.evaluation.task import Ids, Task
from neardup.images import list_files

EDIT_SETS: dict[str, tuple[Edit, ...]] = {
    "mission": MISSION,
    "strong": STRONG,
    "all": MISSION + STRONG,
}


def plan_pairs(pictures: Pictures, edits: tuple[Edit, ...], *, where: str, seed: int) -> Plan:
    """Every edit of every picture against every original.

    A duplicate pair is an edit and its own original; all other pairs are negatives. Pictures in
    one folder share a class, which gives the hard negatives.
    """
    folders = [str(Path(name).parent) for name in pictures.names]
    classes = np.unique(folders, return_inverse=True)[1]

    def make_task(kept: Ids) -> Task:
        count, queries = len(kept), len(kept) * len(edits)
        source = np.arange(count, dtype=np.int64)
        query_source = np.repeat(source, len(edits))
        names = [pictures.names[i] for i in kept]
        labels = [edit.name for edit in edits]
        return Task(
            query_names=tuple(f"{name} ({label})" for name in names for label in labels),
            reference_names=tuple(names),
            query_source=query_source,
            reference_source=source,
            positive=np.stack([np.arange(queries, dtype=np.int64), query_source], axis=1),
            ignored=np.empty((0, 2), dtype=np.int64),
            query_family=np.tile(np.arange(len(edits), dtype=np.int64), count),
            families=tuple(labels),
            query_class=np.repeat(classes[kept], len(edits)),
            reference_class=classes[kept],
        )

    return Plan(
        pictures=pictures,
        edits=edits,
        make_task=make_task,
        description=f"synthetic copies of {len(pictures.names)} pictures from {where}",
        seed=seed,
    )


def folder_pictures(root: Path, *, max_images: int, side: int, seed: int) -> Files:
    """A random choice of the files below a folder; which of them are pictures shows on reading.

    Raises:
        ConfigError: the folder is missing or empty.
    """
    if not root.is_dir():
        raise ConfigError(f"data.root: {root} is not a folder")
    names = [str(path.relative_to(root)) for path in list_files(root)]
    if not names:
        raise ConfigError(f"data.root: {root} holds no file")
    return choose(root, names, max_images=max_images, side=side, seed=seed)


def choose(root: Path, names: list[str], *, max_images: int, side: int, seed: int) -> Files:
    """At most ``max_images`` of the names, drawn at random, in their own order."""
    if len(names) > max_images:
        drawn = np.random.default_rng(seed).permutation(len(names))[:max_images]
        names = [names[i] for i in sorted(drawn)]
    return Files(root, names, side)
