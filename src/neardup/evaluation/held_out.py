"""Is the extrapolation to be trusted? Predict the false pairs of the whole from a part of it."""

from dataclasses import dataclass

import numpy as np

from neardup.evaluation.collection import false_pair_rates
from neardup.evaluation.curve import false_positive_rate
from neardup.evaluation.scoring import PairScores
from neardup.evaluation.task import Ids, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutRow:
    """A prediction from a part against the count in the whole."""

    threshold: float
    predicted: float
    low: float
    high: float
    counted: int


def check_by_holding_out(
    task: Task, scores: PairScores, *, share: float, draws: int, seed: int
) -> list[HeldOutRow] | str:
    """Fit on the pairs among a part of the sources, predict the false pairs of the whole.

    Args:
        task, scores: the whole.
        share: of the sources that the fit may see, in (0, 1); the share of the pairs is its square.
        draws: for the interval of the prediction.
        seed: of the choice of sources and the draws.

    Returns:
        One row per threshold, where the whole has about 3, 10, 30, ... false pairs; or a sentence
        that says why the part was too small.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(task.sources)[: max(2, round(share * len(task.sources)))]
    part, part_scores = _restrict(task, scores, np.sort(chosen))
    rates = false_pair_rates(part, part_scores, draws=draws, seed=seed)
    if isinstance(rates.fit, str):
        return f"held-out check: {rates.fit}"
    rows = []
    for counted in (3, 10, 30, 100, 300, 1000, 3000):
        if (
            counted > len(scores.near_distance)
            or scores.near_distance[counted - 1] > rates.fit.level
        ):
            break
        threshold = float(scores.near_distance[counted - 1])
        predicted = rates.rate(threshold)
        if predicted is not None:
            estimate, low, high = (scores.negatives * value for value in predicted)
            rows.append(
                HeldOutRow(
                    threshold=threshold,
                    predicted=estimate,
                    low=low,
                    high=high,
                    counted=round(false_positive_rate(scores, threshold) * scores.negatives),
                )
            )
    return rows


def _restrict(task: Task, scores: PairScores, chosen: Ids) -> tuple[Task, PairScores]:
    """The close negatives among the chosen sources, from what is already measured."""
    part, queries, references = task.of_sources(chosen)
    inside = np.isin(scores.near[:, 0], queries) & np.isin(scores.near[:, 1], references)
    pairs = scores.near[inside]
    renumbered = np.stack(
        [np.searchsorted(queries, pairs[:, 0]), np.searchsorted(references, pairs[:, 1])], axis=1
    )
    counted = np.array([part.pair_count - _once(part)], dtype=np.int64)
    return part, PairScores(
        positive=part.positive,
        positive_distance=np.zeros(len(part.positive), dtype=np.float32),
        ranked=part.positive,
        ranked_distance=np.zeros(len(part.positive), dtype=np.float32),
        closer_negatives=np.zeros(len(part.positive), dtype=np.int64),
        near=renumbered,
        near_distance=scores.near_distance[inside],
        complete_to=scores.complete_to,
        histogram=counted,
        nearest_negative=np.empty(0, dtype=np.int64),
        nearest_distance=np.empty(0, dtype=np.float32),
        scale=scores.scale,
    )


def _once(task: Task) -> int:
    return len(task.positive) // (2 if task.same_set else 1)
