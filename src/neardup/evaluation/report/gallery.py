"""The pairs that went most wrong, as small pictures."""

import base64
import io
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neardup.errors import ImageError
from neardup.evaluation.measures.results import Result
from neardup.evaluation.protocols.dataset import Dataset, Encoded
from neardup.evaluation.protocols.task import PairList

_SIDE = 144


class ShownPair(NamedTuple):
    """Two pictures side by side.

    Attributes:
        left, right: JPEG as base64; empty if the file is gone.
        left_name, right_name: what they are.
        distance: between them.
    """

    left: str
    right: str
    left_name: str
    right_name: str
    distance: float


class Gallery(NamedTuple):
    """The farthest duplicates beyond the threshold, and the closest other pairs.

    Attributes:
        misses: farthest first; all lie beyond the threshold.
        false_alarms: closest first; those beyond the threshold are near misses.
    """

    misses: list[ShownPair]
    false_alarms: list[ShownPair]


def gallery(encoded: Encoded, result: Result, count: int) -> Gallery:
    """The ``count`` worst of each, no source twice as long as there are others."""
    dataset, part = encoded.dataset, result.scores.test
    scores, task = part.scores, part.task
    own = encoded.kept
    others = own if dataset.references_from is None else own[own >= dataset.references_from]

    def show(pairs: PairList, distances: NDArray[np.float32]) -> list[ShownPair]:
        shown = []
        for (query, reference), distance in zip(pairs.tolist(), distances.tolist(), strict=True):
            place, edit = int(part.queries[query]), None
            if dataset.edits:
                place, edit = divmod(place, len(dataset.edits))
            left = _thumbnail(dataset, int(own[place]), edit)
            right = _thumbnail(dataset, int(others[part.references[reference]]), None)
            names = task.query_names[query], task.reference_names[reference]
            shown.append(ShownPair(left, right, *names, distance))
        return shown

    farthest = np.argsort(-scores.positive_distance, kind="stable")
    if result.threshold is not None:
        farthest = farthest[scores.positive_distance[farthest] > np.float32(result.threshold)]
    misses = farthest[_spread(task.query_source[scores.positive[farthest, 0]].tolist(), count)]
    near = scores.near[: 50 * count]
    sources = zip(task.query_source[near[:, 0]], task.reference_source[near[:, 1]], strict=True)
    alarms = _spread([frozenset(pair) for pair in sources], count)
    return Gallery(
        misses=show(scores.positive[misses], scores.positive_distance[misses]),
        false_alarms=show(near[alarms], scores.near_distance[alarms]),
    )


def _spread(keys: Sequence[Hashable], count: int) -> list[int]:
    """Positions of the first of each key, then of the others, ``count`` at most, in order."""
    first = {key: place for place, key in reversed(list(enumerate(keys)))}.values()
    rest = sorted(set(range(len(keys))) - set(first))
    return sorted([*sorted(first), *rest][:count])


def _thumbnail(dataset: Dataset, picture: int, edit: int | None) -> str:
    """JPEG as base64; empty if the file is gone."""
    try:
        image = Image.fromarray(dataset.view(picture, edit))
    except ImageError:
        return ""
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
