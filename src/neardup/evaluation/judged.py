"""A method with the thresholds chosen for it."""

from dataclasses import dataclass

from neardup.bundle import OperatingPoint
from neardup.evaluation.config import EvalConfig
from neardup.evaluation.measure import (
    PRECISIONS,
    Measured,
    by_family,
    operating_points,
    tested,
)
from neardup.evaluation.plan import Encoded, Plan, vectors_of
from neardup.evaluation.synthetic import FamilyRow

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
