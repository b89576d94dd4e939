"""The pairs that went most wrong, as small pictures."""

import base64
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from neardup.errors import ImageError
from neardup.evaluation.edits.pixels import Pixels
from neardup.evaluation.measures.measure import Part
from neardup.evaluation.protocols.plan import Encoded, Plan

_SIDE = 144


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPair:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """The farthest duplicates beyond the threshold, and the closest other pairs.

    Attributes:
        misses: farthest first; all lie beyond the threshold.
        false_alarms: closest first; those beyond the threshold are near misses.
    """

    misses: list[ShownPair]
    false_alarms: list[ShownPair]


def gallery(
    plan: Plan, encoded: Encoded, part: Part, threshold: float | None, count: int
) -> Gallery:
    """The ``count`` worst of each, no source twice as long as there are others."""
    scores, task = part.scores, part.task

    def show(pair: tuple[int, int], distance: float) -> ShownPair:
        query, reference = pair
        return ShownPair(
            left=_picture(lambda: _query(plan, encoded, int(part.queries[query]))),
            right=_picture(lambda: _reference(plan, encoded, int(part.references[reference]))),
            left_name=task.query_names[query],
            right_name=task.reference_names[reference],
            distance=distance,
        )

    limit = np.float32(-1 if threshold is None else threshold)
    farthest = np.argsort(-scores.positive_distance, kind="stable")
    missed = farthest[scores.positive_distance[farthest] > limit]
    sources = task.query_source[scores.positive[missed, 0]]
    misses = missed[_spread(sources.tolist(), count)]
    alarms = _spread(
        [
            (int(task.query_source[q]), int(task.reference_source[r]))
            for q, r in scores.near[: 50 * count]
        ],
        count,
    )
    return Gallery(
        misses=[
            show((int(q), int(r)), float(d))
            for (q, r), d in zip(
                scores.positive[misses], scores.positive_distance[misses], strict=True
            )
        ],
        false_alarms=[
            show((int(q), int(r)), float(d))
            for (q, r), d in zip(scores.near[alarms], scores.near_distance[alarms], strict=True)
        ],
    )


def _spread(keys: Iterable[object], count: int) -> list[int]:
    """Positions of the first of each key, then of the others, ``count`` at most, in order."""
    seen: set[object] = set()
    first: list[int] = []
    rest: list[int] = []
    for position, key in enumerate(keys):
        if isinstance(key, tuple):
            key = frozenset(key)
        (rest if key in seen else first).append(position)
        seen.add(key)
    return sorted((first + rest)[:count])


def _query(plan: Plan, encoded: Encoded, query: int) -> Pixels:
    if plan.edits:
        picture, edit = divmod(query, len(plan.edits))
        return plan.view(int(encoded.kept[picture]), edit)
    return plan.view(int(encoded.kept[query]), None)


def _reference(plan: Plan, encoded: Encoded, reference: int) -> Pixels:
    kept = encoded.kept
    if plan.references_from is not None:
        kept = kept[kept >= plan.references_from]
    return plan.view(int(kept[reference]), None)


def _picture(load: Callable[[], Pixels]) -> str:
    try:
        image = Image.fromarray(load())
    except ImageError:
        return ""
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
