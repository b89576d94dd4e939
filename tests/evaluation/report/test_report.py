"""What a report says about methods side by side."""

from typing import Any

from neardup.evaluation.report.figures import ALL_COPIES, wins

WANTED = "precision=0.999"


def entry(chosen: str, precision: float, recall: float) -> dict[str, Any]:
    """A report, and at once a baseline's part of one."""
    point = {"precision": precision, "recall": recall}
    families = [{"family": "zoom", "recall": recall}]
    points = {chosen: point}
    return {"chosen": chosen, "operating_points": points, "families": families, **point}


def test_a_baseline_wins_only_when_it_is_right_as_often():
    ours = entry(WANTED, 0.9995, 0.6)
    assert wins(ours, entry(WANTED, 0.999, 0.7), WANTED) == [ALL_COPIES, "zoom"]
    assert wins(ours, entry(WANTED, 1.0, 0.6), WANTED) == []
    assert wins(ours, entry("f1", 0.8, 0.9), WANTED) == []
    assert wins(entry("f1", 0.7, 0.6), entry("f1", 0.8, 0.9), WANTED) == [ALL_COPIES, "zoom"]
