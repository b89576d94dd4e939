"""A protocol's pictures and labels, before any picture has been read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neardup.errors import ImageError
from neardup.evaluation.edits.named import FAMILIES, Edit, edit_image
from neardup.evaluation.edits.pixels import Pixels, from_pil
from neardup.evaluation.methods import Method
from neardup.evaluation.protocols.task import Ids, Task
from neardup.images.reading import read_image
from neardup.progress import progress

LARGEST_SIDE = 1024
"""Shorter side, in pixels, to which real copies are shrunk: far above what any method looks at."""


class Pictures(Protocol):
    """N pictures with names."""

    @property
    def names(self) -> Sequence[str]: ...

    def load(self, index: int) -> Pixels:
        """The picture as (H, W, 3) uint8 RGB; raises ImageError where it cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class InMemory:
    """Pictures that are no files: N names, and N or more images (H, W, 3) uint8."""

    names: Sequence[str]
    images: Sequence[Pixels]

    def load(self, index: int) -> Pixels:
        """The picture as it is given."""
        return self.images[index]


@dataclass(frozen=True, slots=True)
class Files:
    """Pictures on disk, named relative to ``root``.

    Attributes:
        root: the folder.
        names: paths below it.
        side: pictures are shrunk until their shorter side is at most this, pixels; None: never.
    """

    root: Path
    names: Sequence[str]
    side: int | None = None

    def load(self, index: int) -> Pixels:
        """The picture, shrunk; raises ImageError where it cannot be read."""
        image = read_image(self.root / self.names[index], min_side=self.side)
        shorter = min(image.shape[:2])
        if self.side is None or shorter <= self.side:
            return image
        height, width = (max(1, round(n * self.side / shorter)) for n in image.shape[:2])
        return from_pil(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What a protocol asks for.

    Attributes:
        pictures: the N files.
        edits: E transformations to make of each picture; empty where copies are real.
        make_task: from the (N',) indices that could be read to the labels of their comparison;
            :meth:`Encoded.of_task` gives their encodings.
        description: the data in words, for the report and the bundle.
        seed: of the edits.
        references_from: picture index from which pictures are references only, not queries; None
            where queries and references are the same pictures, or are edits and originals.
    """

    pictures: Pictures
    edits: tuple[Edit, ...] = ()
    make_task: Callable[[Ids], Task]
    description: str
    seed: int = 0
    references_from: int | None = None

    def view(self, picture: int, edit: int | None) -> Pixels:
        """A picture, or its ``edit``-th transformation."""
        image = self.pictures.load(picture)
        return image if edit is None else self.edited(image, picture, self.edits[edit])

    def edited(self, image: Pixels, picture: int, edit: Edit) -> Pixels:
        """The edit of ``image``, which is the ``picture``-th; it may lie on the next one."""
        ground = self._next_readable(picture) if FAMILIES[edit.family].on_ground else None
        return edit_image(image, picture, edit, seed=self.seed, ground=ground)

    def _next_readable(self, picture: int) -> Pixels:
        total = len(self.pictures.names)
        for step in range(1, total + 1):  # at the last it is the picture itself
            try:
                return self.pictures.load((picture + step) % total)
            except ImageError:
                continue
        raise AssertionError("the picture itself has been read")


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the methods made of the N' pictures that could be read.

    Attributes:
        dataset: whose pictures they are.
        kept: (N',) int64, their indices.
        unreadable: name and reason of the others.
        vectors: method name -> (N', 1 + E, D) float32, the picture and its edits; empty if N' is 0.
    """

    dataset: Dataset
    kept: Ids
    unreadable: list[tuple[str, str]]
    vectors: dict[str, NDArray[np.float32]]

    def of_task(self, method: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The encodings of the queries (Q, D) and references (R, D) of the dataset's task."""
        vectors = self.vectors[method]
        original = vectors[:, 0]
        if self.dataset.edits:
            return vectors[:, 1:].reshape(-1, vectors.shape[-1]), original
        if self.dataset.references_from is None:
            return original, original
        is_query = self.kept < self.dataset.references_from
        return original[is_query], original[~is_query]


def encode(
    dataset: Dataset,
    methods: Sequence[Method],
    *,
    batch_size: int,
    only: Sequence[int] | None = None,
    bar: str = "",
) -> Encoded:
    """Read every picture once, make its edits, and encode all of them by every method.

    Args:
        dataset: see there.
        methods: each sees the same pictures.
        batch_size: how many views are encoded at once, and about how many are held.
        only: the indices of the pictures that are looked at; None: all.
        bar: what a progress bar on stderr is called; empty: none.
    """
    views = 1 + len(dataset.edits)
    at_once = max(1, batch_size // views)
    chosen = range(len(dataset.pictures.names)) if only is None else only
    kept: list[int] = []
    unreadable: list[tuple[str, str]] = []
    parts: dict[str, list[NDArray[np.float32]]] = {method.name: [] for method in methods}
    with progress(bar, len(chosen) * views, show=bool(bar)) as advance:
        for start in range(0, len(chosen), at_once):
            images: list[Pixels] = []
            for index in chosen[start : start + at_once]:
                try:
                    image = dataset.pictures.load(index)
                except ImageError as error:
                    unreadable.append((dataset.pictures.names[index], error.reason))
                    continue
                kept.append(index)
                images += [image, *(dataset.edited(image, index, edit) for edit in dataset.edits)]
            for method in methods if images else ():
                parts[method.name].append(method.encode_in_batches(images, batch_size))
            advance(len(chosen[start : start + at_once]) * views)
    vectors = {
        name: np.concatenate(blocks).reshape(len(kept), views, -1)
        for name, blocks in parts.items()
        if kept
    }
    return Encoded(dataset, np.array(kept, dtype=np.int64), unreadable, vectors)
