"""One method on one task: its scores, the thresholds they choose and what those find.

Training's validation, its summary and ``eval.py`` all count by this file.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neardup.bundle import OperatingPoint
from neardup.evaluation.measures import metrics
from neardup.evaluation.measures.metrics import Curve, at_threshold
from neardup.evaluation.measures.scoring import PairScores, score
from neardup.evaluation.methods import Method
from neardup.evaluation.protocols.task import Ids, Task

PRECISIONS = (0.9, 0.99, 0.999)
Points = dict[str, OperatingPoint]


@dataclass(frozen=True, slots=True)
class Part:
    """A task, its scores, and where its pictures stand in the whole.

    Attributes:
        task, scores: what was compared.
        queries, references: (Q',) and (R',) int64 indices in the whole task.
    """

    task: Task
    scores: PairScores
    queries: Ids
    references: Ids

    @property
    def curve(self) -> Curve:
        """Precision and recall by threshold."""
        return metrics.precision_recall_curve(self.scores)

    @property
    def average_precision(self) -> float:
        """Over all pairs at once, in [0, 1]."""
        return metrics.average_precision(self.scores)


@dataclass(frozen=True, slots=True)
class MethodScores:
    """One method's distances on a task.

    Attributes:
        method: which.
        queries, references: (Q, D) and (R, D) float32 encodings of the whole task.
        whole: all pairs.
        choice, test: pairs within one half of the sources each; both ``whole`` if not halved.
    """

    method: Method
    queries: NDArray[np.float32]
    references: NDArray[np.float32]
    whole: Part
    choice: Part
    test: Part

    @property
    def halved(self) -> bool:
        """Whether thresholds are chosen on other pictures than they are tested on."""
        return self.test is not self.whole


def score_method(
    method: Method,
    task: Task,
    queries: NDArray[np.float32],
    references: NDArray[np.float32],
    halves: tuple[Ids, Ids] | None = None,
    *,
    show_progress: bool = False,
) -> MethodScores:
    """Score a task by one method.

    Args:
        method: which.
        task: what is compared.
        queries, references: (Q, D) and (R, D) float32, the method's encodings.
        halves: the sources to choose thresholds on, and those to test them on.
        show_progress: on stderr.
    """

    def part(task: Task, rows: Ids, columns: Ids) -> Part:
        encoded = queries[rows], references[columns]
        how = method.distances, method.scale
        return Part(task, score(task, *encoded, *how, show_progress=show_progress), rows, columns)

    whole = part(task, np.arange(len(queries)), np.arange(len(references)))
    choice, test = (part(*task.of_sources(h)) for h in halves) if halves else (whole, whole)
    return MethodScores(method, queries, references, whole, choice, test)


def operating_points(scores: MethodScores, precisions: tuple[float, ...]) -> Points:
    """Thresholds chosen on the one half, with their precision and recall on the other; by name."""
    curve = scores.choice.curve
    chosen = {"f1": metrics.best_f1(curve)}
    chosen |= {f"precision={p:g}": metrics.best_recall(curve, p) for p in sorted(set(precisions))}
    test = scores.test.scores
    return {name: at_threshold(test, point.threshold) for name, point in chosen.items()}


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """What is found of one kind of copies at a threshold; shares in [0, 1].

    Attributes:
        family: the kind, such as the name of an edit.
        queries: how many pictures of it.
        average_precision: over these queries and all references.
        rank_1: share of the queries with a duplicate that is nearer than any other picture.
        recall: share of the duplicate pairs within the threshold.
        precision: share of the pairs within the threshold that are duplicates; 1 if none.
    """

    family: str
    queries: int
    average_precision: float
    rank_1: float
    recall: float
    precision: float


def family_row(name: str, scores: PairScores, threshold: float | None) -> FamilyRow:
    """The row of all pairs in ``scores``."""
    rank_1 = float(np.mean(metrics.query_rank_1(scores)[1]))
    average_precision, point = metrics.average_precision(scores), at_threshold(scores, threshold)
    queries = len(scores.nearest_distance)
    return FamilyRow(name, queries, average_precision, rank_1, point.recall, point.precision)


def family_rows(scores: MethodScores, threshold: float | None) -> list[FamilyRow]:
    """A row for each family of the test half that has a duplicate."""
    test, rows = scores.test, []
    for family, name in enumerate(test.task.families):
        part, queries, _ = test.task.of_family(family)
        if len(part.positive):
            encoded = scores.queries[test.queries[queries]], scores.references[test.references]
            found = score(part, *encoded, scores.method.distances, scores.method.scale)
            rows.append(family_row(name, found, threshold))
    return rows


@dataclass(frozen=True)
class Result:
    """One method with its thresholds.

    Attributes:
        scores: its distances.
        points: operating points by name, chosen on the one half, tested on the other.
        chosen: the name of the one that is used.
    """

    scores: MethodScores
    points: Points
    chosen: str

    @property
    def point(self) -> OperatingPoint:
        """The chosen one."""
        return self.points[self.chosen]

    @property
    def threshold(self) -> float | None:
        """The chosen point's."""
        return self.point.threshold

    @cached_property
    def families(self) -> list[FamilyRow]:
        """A row for each kind of copies at the chosen threshold; empty if there is one kind."""
        if len(self.scores.test.task.families) == 1:
            return []
        return family_rows(self.scores, self.threshold)


def choose(scores: MethodScores, precisions: tuple[float, ...], wanted: float) -> Result:
    """Choose thresholds for all ``precisions`` and use that for ``wanted``, or max F1 if none."""
    points = operating_points(scores, (*precisions, wanted))
    name = f"precision={wanted:g}"
    chosen = name if points[name].threshold is not None else "f1"
    return Result(scores, points, chosen)


def headline(part: Part) -> dict[str, float | None]:
    """The figures that need no chosen threshold, over all the pairs of a part."""
    curve = part.curve
    micro, recall_at_p90 = metrics.isc2021(part.scores)
    return {
        "average_precision": part.average_precision,
        "micro_average_precision_isc2021": micro,
        "recall_at_p90_isc2021": recall_at_p90,
        "mean_average_precision": float(np.mean(metrics.query_average_precision(part.scores)[1])),
        "rank_1": float(np.mean(metrics.query_rank_1(part.scores)[1])),
    } | {f"recall_at_precision={p:g}": metrics.best_recall(curve, p).recall for p in PRECISIONS}
