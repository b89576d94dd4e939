"""One method on one task: scored whole, and in the half to choose on and the half to test on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neardup.bundle import OperatingPoint
from neardup.evaluation.config import EvalConfig
from neardup.evaluation.measures import curve
from neardup.evaluation.measures.metrics import Sweep, max_f1, recall_at_precision
from neardup.evaluation.measures.ranking import isc_of_scores, query_average_precision, query_rank_1
from neardup.evaluation.measures.scoring import PairScores, score
from neardup.evaluation.measures.synthetic import FamilyRow
from neardup.evaluation.methods import Method
from neardup.evaluation.protocols.plan import Encoded, Plan, vectors_of
from neardup.evaluation.protocols.task import Ids, Task

PRECISIONS = (0.9, 0.99, 0.999)
_FEWEST_SOURCES = 12
"""Sources with duplicates below which halves would tell nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A task, its distances, and where its pictures stand in the whole.

    Attributes:
        task, scores: what was compared.
        queries, references: (Q',) and (R',) int64 indices in the whole task.
    """

    task: Task
    scores: PairScores
    queries: Ids
    references: Ids

    @property
    def sweep(self) -> Sweep:
        return curve.sweep_scores(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One method's distances.

    Attributes:
        method: which.
        whole: all pairs.
        choice, test: pairs within one half of the sources each; both the whole if not halved.
        halved: whether they are halves.
    """

    method: Method
    whole: Part
    choice: Part
    test: Part
    halved: bool


def can_halve(task: Task) -> bool:
    """Whether there are sources enough to choose on one half and test on the other."""
    return len(task.positive_sources) >= _FEWEST_SOURCES


def measure(
    method: Method,
    task: Task,
    queries: NDArray[np.float32],
    references: NDArray[np.float32],
    halves: tuple[Ids, Ids] | None,
    *,
    show_progress: bool = False,
) -> Measured:
    """Score the task by one method; ``halves`` are the sources to choose on and to test on."""

    def part(kept: tuple[Task, Ids, Ids]) -> Part:
        sub, rows, columns = kept
        scores = score(
            sub,
            queries[rows],
            references[columns],
            method.distances,
            method.scale,
            show_progress=show_progress,
        )
        return Part(task=sub, scores=scores, queries=rows, references=columns)

    whole = part((task, np.arange(len(queries)), np.arange(len(references))))
    if halves is None:
        return Measured(method=method, whole=whole, choice=whole, test=whole, halved=False)
    choice, test = (part(task.of_sources(half)) for half in halves)
    return Measured(method=method, whole=whole, choice=choice, test=test, halved=True)


def operating_points(measured: Measured, targets: tuple[float, ...]) -> dict[str, OperatingPoint]:
    """Thresholds chosen on the one half, precision and recall on the other; by name."""
    swept = measured.choice.sweep
    chosen = {"f1": max_f1(swept)}
    chosen |= {f"precision={t:g}": recall_at_precision(swept, t) for t in sorted(set(targets))}
    return {name: tested(measured, point.threshold) for name, point in chosen.items()}


def tested(measured: Measured, threshold: float | None) -> OperatingPoint:
    """A threshold with the precision and recall it has on the test half."""
    precision, recall = curve.at(measured.test.scores, threshold)
    return OperatingPoint(threshold=threshold, precision=precision, recall=recall, measured_on="")


def headline(part: Part) -> dict[str, float | None]:
    """The figures that need no chosen threshold, over all the pairs of a part."""
    swept = part.sweep
    isc = isc_of_scores(part.scores)
    figures: dict[str, float | None] = {
        "average_precision": curve.average_precision_of(part.scores),
        "micro_average_precision_isc2021": isc.micro_average_precision,
        "recall_at_p90_isc2021": isc.recall_at_p90,
        "mean_average_precision": float(np.mean(query_average_precision(part.scores)[1])),
        "rank_1": float(np.mean(query_rank_1(part.scores)[1])),
    }
    for target in PRECISIONS:
        figures[f"recall_at_precision={target:g}"] = recall_at_precision(swept, target).recall
    return figures


def by_family(
    measured: Measured,
    queries: NDArray[np.float32],
    references: NDArray[np.float32],
    threshold: float | None,
) -> list[FamilyRow]:
    """One row per family of the test half; ``queries`` and ``references`` of the whole task."""
    part = measured.test
    rows = []
    for family, name in enumerate(part.task.families):
        sub, kept, _ = part.task.of_family(family)
        if not len(sub.positive):
            continue
        scores = score(
            sub,
            queries[part.queries[kept]],
            references[part.references],
            measured.method.distances,
            measured.method.scale,
        )
        precision, recall = curve.at(scores, threshold)
        rows.append(
            FamilyRow(
                family=name,
                queries=len(kept),
                average_precision=curve.average_precision_of(scores),
                rank_1=float(np.mean(query_rank_1(scores)[1])),
                recall=recall,
                precision=precision,
            )
        )
    return rows


Points = dict[str, OperatingPoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One method with its thresholds.

    Attributes:
        measured: its distances.
        points: operating points by name, chosen on the one half, measured on the other.
        chosen: the name of the one that the report is about.
        families: rows per kind of copies at the chosen threshold.
    """

    measured: Measured
    points: Points
    chosen: str
    families: list[FamilyRow]

    @property
    def threshold(self) -> float | None:
        return self.points[self.chosen].threshold


def judge(config: EvalConfig, plan: Plan, encoded: Encoded, measured: Measured) -> Judged:
    """Choose the thresholds of one method: for the wanted precision, or max F1 if none has it."""
    points = operating_points(measured, (*PRECISIONS, config.target_precision))
    chosen = f"precision={config.target_precision:g}"
    if points[chosen].threshold is None:
        chosen = "f1"
    return _with_families(plan, encoded, measured, points, chosen)


def judge_at(plan: Plan, encoded: Encoded, judged: Judged, name: str, threshold: float) -> Judged:
    """The same method at a threshold that was chosen elsewhere."""
    points = judged.points | {name: tested(judged.measured, threshold)}
    return _with_families(plan, encoded, judged.measured, points, name)


def _with_families(
    plan: Plan, encoded: Encoded, measured: Measured, points: Points, chosen: str
) -> Judged:
    families = []
    if len(measured.test.task.families) > 1:
        queries, references = vectors_of(plan, encoded, measured.method.name)
        families = by_family(measured, queries, references, points[chosen].threshold)
    return Judged(measured=measured, points=points, chosen=chosen, families=families)
