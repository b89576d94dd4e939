"""What a report says about methods side by side."""

from typing import Any, cast

from neardup.bundle import OperatingPoint
from neardup.evaluation.measures.measure import Judged
from neardup.evaluation.measures.synthetic import FamilyRow
from neardup.evaluation.report.figures import ALL_COPIES, wins

WANTED = "precision=0.999"


def judged(chosen: str, precision: float, recall: float) -> Judged:
    point = OperatingPoint(threshold=0.3, precision=precision, recall=recall, measured_on="")
    row = FamilyRow(
        family="zoom", queries=9, average_precision=1, rank_1=1, recall=recall, precision=precision
    )
    return Judged(measured=cast("Any", None), points={chosen: point}, chosen=chosen, families=[row])


def test_a_baseline_wins_only_when_it_is_right_as_often():
    ours = judged(WANTED, 0.9995, 0.6)
    assert wins(ours, judged(WANTED, 0.999, 0.7), WANTED) == [ALL_COPIES, "zoom"]
    assert wins(ours, judged(WANTED, 1.0, 0.6), WANTED) == []
    assert wins(ours, judged("f1", 0.8, 0.9), WANTED) == []
    assert wins(judged("f1", 0.7, 0.6), judged("f1", 0.8, 0.9), WANTED) == [ALL_COPIES, "zoom"]
