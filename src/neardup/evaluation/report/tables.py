"""The tables of ``report.html``, as text in rows; the template draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neardup.evaluation.report.figures import percent

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the page.

    Attributes:
        title: its heading; empty for none.
        head: the names of the columns.
        rows: cells, as many as ``head`` has.
        chosen: which row is the one that the report is about.
        notes: quiet lines below.
        warning: a loud line above.
    """

    title: str = ""
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    chosen: int | None = None
    notes: Sequence[str] = ()
    warning: str = ""


def all_tables(report: Report) -> list[Table]:
    """Those that have something to say, the operating points first."""
    tables = [_operating_points(report)]
    if report["families"]:
        tables.append(_families(report))
    if report["baselines"]:
        tables.append(_baselines(report))
    tables.append(_measures(report))
    if report.get("negatives"):
        tables.append(_negatives(report))
    if report.get("groups"):
        tables.append(_groups(report))
    return [*tables, *_collection(report)]


def _operating_points(report: Report) -> Table:
    bounds = report["intervals"]
    rows = [
        [name, "none reaches it", "", ""]
        if point["threshold"] is None
        else [
            name,
            f"{point['threshold']:.4f}",
            _with_bounds(point["precision"], bounds.get(f"precision at {name}")),
            _with_bounds(point["recall"], bounds.get(f"recall at {name}")),
        ]
        for name, point in report["operating_points"].items()
    ]
    where = "chosen and measured on the same pictures"
    if report["halved"]:
        where = "chosen on one half of the sources, measured on the other"
    return Table(
        head=["operating point", "threshold", "precision", "recall"],
        rows=rows,
        chosen=list(report["operating_points"]).index(report["chosen"]),
        notes=[f"{where}; brackets: 95 % from redrawing the sources"],
    )


def _families(report: Report) -> Table:
    beside = {
        b["method"]: {row["family"]: row["recall"] for row in b["families"]}
        for b in report["baselines"]
    }
    rows = []
    for row in report["families"]:
        silent = row["recall"] == 0 and row["precision"] == 1
        rows.append(
            [
                row["family"],
                f"{row['average_precision']:.3f}",
                percent(row["rank_1"]),
                "no pair called" if silent else percent(row["precision"]),
                percent(row["recall"]),
                *(percent(recalls[row["family"]]) for recalls in beside.values()),
            ]
        )
    note = "the last columns are the baselines' recall, each at its own threshold"
    return Table(
        title="Which copies are found",
        head=["copies made by", "AP", "rank 1", "precision", "recall", *beside],
        rows=rows,
        notes=[note] if beside else [],
    )


def _baselines(report: Report) -> Table:
    own = report["operating_points"][report["chosen"]]
    shared = {key: report[key] for key in ("method", "headline", "intervals", "chosen")}
    ours = {**shared, **own, "unit": "L2", "wins": []}
    rows = [
        [
            entry["method"],
            f"{entry['headline']['average_precision']:.3f}",
            percent(entry["headline"]["rank_1"]),
            "none" if entry["threshold"] is None else f"{entry['threshold']:.4g} {entry['unit']}",
            entry["chosen"],
            percent(entry["precision"]),
            _with_bounds(entry["recall"], entry["intervals"].get(f"recall at {entry['chosen']}")),
            ", ".join(entry["wins"]),
        ]
        for entry in (ours, *report["baselines"])
    ]
    return Table(
        title="Beside other methods, same pairs",
        head=[
            "method",
            "AP",
            "rank 1",
            "threshold",
            "chosen for",
            "precision",
            "recall",
            "better at",
        ],
        rows=rows,
        chosen=0,
        notes=["better: it finds more, at the wanted precision or while it is right as often"],
    )


def _measures(report: Report) -> Table:
    rows = [
        [
            name.replace("_", " "),
            "not reached" if value is None else f"{value:.4f}",
            _bounds(report["intervals"].get(name)),
        ]
        for name, value in report["headline"].items()
    ]
    title = "Measures that need no threshold"
    return Table(title=title, head=["measure", "value", "95 % interval"], rows=rows)


def _negatives(report: Report) -> Table:
    return Table(
        title="False alarms, random and hard",
        head=["pairs that are not copies", "pairs", "false alarms", "rate"],
        rows=[
            [row["kind"], f"{row['pairs']:,}", f"{row['false_alarms']:,}", f"{row['rate']:.2e}"]
            for row in report["negatives"]
        ],
    )


def _groups(report: Report) -> Table:
    return Table(
        title="Whole groups, as neardup scan makes them",
        head=["groups at the threshold", ""],
        rows=[
            [name.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else f"{value:,}"]
            for name, value in report["groups"].items()
        ],
    )


def _collection(report: Report) -> list[Table]:
    """What to expect in a large collection, and how the model did on the part it had not seen."""
    found, fit = report["collection"], report["collection"]["fit"]
    notes = [f"No tail fit: {fit}"]
    if not isinstance(fit, str):
        notes = [
            f"Generalised Pareto tail below {fit['level']:.4f}: shape {fit['shape']:.3f}, "
            f"scale {fit['scale']:.4f}, from {fit['count']} pairs, "
            f"goodness of fit p = {fit['fit_p_value']:.2f}."
        ]
    held_out = found["held_out"]
    if isinstance(held_out, str):
        notes.append(held_out)
    refusal = found["refusal"]
    expected = Table(
        title=f"In a collection of {found['size']:,.0f} pictures",
        warning=f"No threshold stated: {refusal}" if refusal else "",
        head=["operating point", "false pairs to expect", "95 % interval"],
        rows=[
            [name, f"{values[0]:.3g}", f"{values[1]:.3g} to {values[2]:.3g}"]
            for name, values in found.get("expected", {}).items()
        ],
        notes=notes,
    )
    if isinstance(held_out, str) or not held_out:
        return [expected]
    checked = Table(
        head=["threshold", "predicted from 40 % of the sources", "95 % interval", "counted in all"],
        rows=[
            [
                f"{row['threshold']:.4f}",
                f"{row['predicted']:.3g}",
                f"{row['low']:.3g} to {row['high']:.3g}",
                str(row["counted"]),
            ]
            for row in held_out
        ],
    )
    return [expected, checked]


def _with_bounds(value: float, bounds: Sequence[float] | None) -> str:
    return percent(value) if bounds is None else f"{percent(value)} {_bounds(bounds, percent)}"


def _bounds(bounds: Sequence[float] | None, write: Any = "{:.4f}".format) -> str:
    return "" if bounds is None else f"[{write(bounds[0])}, {write(bounds[1])}]"
