"""Protocol ``pairs``: copies made by known edits of pictures that have none among themselves."""

from pathlib import Path

import numpy as np

from neardup.errors import ConfigError
from neardup.evaluation.edits.named import FAMILIES, HARD, MISSION, STRONG, Edit
from neardup.evaluation.protocols.dataset import Dataset, Files, Pictures
from neardup.evaluation.protocols.task import Ids, Task
from neardup.images.reading import list_files

EDIT_SETS: dict[str, tuple[Edit, ...]] = {
    "mission": MISSION,
    "strong": STRONG,
    "all": MISSION + STRONG,
    "hard": HARD,
    "everything": MISSION + STRONG + HARD,
}


def pairs_dataset(pictures: Pictures, edits: tuple[Edit, ...], *, where: str, seed: int) -> Dataset:
    """Every edit of every picture against every original.

    A duplicate pair is an edit and its own original; all other pairs are negatives, but for a copy
    that lies on another picture and that picture, of which it shows a part: such a pair does not
    count. Pictures in one folder share a class, which gives the hard negatives.
    """
    folders = [str(Path(name).parent) for name in pictures.names]
    classes = np.unique(folders, return_inverse=True)[1]
    on_ground = np.array([FAMILIES[edit.family].on_ground for edit in edits], dtype=bool)

    def make_task(kept: Ids) -> Task:
        source = np.arange(len(kept), dtype=np.int64)
        query_source = np.repeat(source, len(edits))
        query_family = np.tile(np.arange(len(edits)), len(kept))
        names = [pictures.names[i] for i in kept]
        labels = [edit.name for edit in edits]
        laid = np.flatnonzero(on_ground[query_family]) if len(kept) > 1 else source[:0]
        ground = (query_source[laid] + 1) % max(len(kept), 1)
        return Task(
            query_names=tuple(f"{name} ({label})" for name in names for label in labels),
            reference_names=tuple(names),
            query_source=query_source,
            reference_source=source,
            positive=np.stack([np.arange(len(query_source)), query_source], axis=1),
            ignored=np.stack([laid, ground], axis=1),
            query_family=query_family,
            families=tuple(labels),
            query_class=np.repeat(classes[kept], len(edits)),
            reference_class=classes[kept],
        )

    return Dataset(
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
