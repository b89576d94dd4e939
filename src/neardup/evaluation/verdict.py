"""The report in one sentence, for a person who reads no further."""

from typing import Any

ALL_COPIES = "all copies"
"""Where a baseline wins that finds more copies in all."""


def sentence(report: dict[str, Any]) -> str:
    """What the chosen threshold does, where it fails, and who does better."""
    chosen = report["operating_points"][report["chosen"]]
    if chosen["threshold"] is None:
        return "No threshold works: nothing may be called a duplicate on this data."
    recall = _share(chosen["recall"], report["intervals"].get(f"recall at {report['chosen']}"))
    precision = _share(
        chosen["precision"], report["intervals"].get(f"precision at {report['chosen']}")
    )
    where = f"At distance {chosen['threshold']:.3f} ({report['chosen']}) {report['method']}"
    parts = [f"{where} finds {recall} of the copies, and {precision} of its finds are right"]
    if chosen["recall"] == 0:
        parts = [f"{where} finds none of the copies"]
    weak = sorted(
        (row for row in report["families"] if row["recall"] < 0.5), key=lambda row: row["recall"]
    )
    if weak:
        parts.append("it misses most of: " + ", ".join(row["family"] for row in weak[:4]))
    for baseline in report["baselines"]:
        if ALL_COPIES in baseline["wins"]:
            parts.append(f"{baseline['method']} finds more overall ({baseline['recall']:.0%})")
    return "; ".join(parts) + "."


def _share(value: float, bounds: list[float] | None) -> str:
    text = percent(value)
    return text if bounds is None else f"{text} [{percent(bounds[0])} to {percent(bounds[1])}]"


def percent(value: float) -> str:
    """0.9993 -> 99.93 %, with as many digits as the distance to 0 or 1 needs."""
    gap = min(value, 1 - value)
    digits = 0 if gap == 0 else 1 if gap >= 0.01 else 2
    return f"{100 * value:.{digits}f} %"
