"""``report.html``: one file that opens anywhere, with a summary and one table at the top."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from neardup.evaluation.report.figures import percent
from neardup.evaluation.report.gallery import Gallery

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


def page(report: Report, figures: Mapping[str, str], pictures: Gallery) -> str:
    """The whole page; every text from outside is escaped.

    Args:
        report: what ``report.json`` holds.
        figures: name to SVG text.
        pictures: the worst pairs.
    """
    environment = Environment(
        loader=PackageLoader("neardup.evaluation", "report"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    first, *others = _tables(report)
    captions = _captions(report)
    facts = {key: report[key] for key in ("pairs", "bundle", "config")}
    return environment.get_template("page.html.j2").render(
        report=report,
        first=first,
        tables=others,
        figures=[
            {"svg": svg, "caption": captions[name], "wide": name.startswith("robustness")}
            for name, svg in figures.items()
        ],
        pictures=pictures,
        facts=json.dumps(facts, indent=2, default=str),
    )


def _captions(report: Report) -> dict[str, str]:
    """What each drawing shows, and nothing that is not drawn."""
    part = " (test half)" if report["halved"] else ""
    redrawn = report["config"]["bootstrap"] >= 1 and report["pairs"]["test"]["sources"] >= 5
    band = ", with the 95 % band from redrawing the sources" if redrawn else ""
    known = any(cell["beyond_training"] is not None for cell in report["robustness"])
    return {
        "distances": f"Distances of duplicates and of other pairs{part}, and the threshold",
        "threshold": f"Precision and recall at every threshold{part}",
        "precision_recall": f"Precision against recall{band}",
        "collection": "False pairs to expect among all pairs of a collection, 95 % band",
        "robustness": "Recall in % after one change, “severity: recall”, harsher to the right"
        + ("; the bar stands where training stopped" if known else ""),
        "robustness_curves": "Recall against severity"
        + ("; shaded where training showed nothing like it" if known else ""),
    }


def _tables(report: Report) -> Iterator[Table]:
    """Those that have something to say, the operating points first."""
    yield _operating_points(report)
    if report["families"]:
        yield _families(report)
    if report["baselines"]:
        yield _baselines(report)
    yield Table(
        title="Measures that need no threshold",
        head=["measure", "value", "95 % interval"],
        rows=[
            [
                name.replace("_", " "),
                "not reached" if value is None else f"{value:.4f}",
                _bounds(report["intervals"].get(name)),
            ]
            for name, value in report["headline"].items()
        ],
    )
    if report.get("negatives"):
        yield Table(
            title="False alarms, random and hard",
            head=["pairs that are not copies", "pairs", "false alarms", "rate"],
            rows=[
                [row["kind"], f"{row['pairs']:,}", f"{row['false_alarms']:,}", f"{row['rate']:.2e}"]
                for row in report["negatives"]
            ],
        )
    if report.get("groups"):
        yield Table(
            title="Whole groups, as neardup scan makes them",
            head=["groups at the threshold", ""],
            rows=[
                [name.replace("_", " "), f"{n:.4f}" if isinstance(n, float) else f"{n:,}"]
                for name, n in report["groups"].items()
            ],
        )
    yield from _collection(report["collection"])


def _operating_points(report: Report) -> Table:
    bounds, points = report["intervals"], report["operating_points"]
    rows = []
    for name, point in points.items():
        cells = ["none reaches it", "", ""]
        if point["threshold"] is not None:
            both = ("precision", "recall")
            shares = [_with_bounds(point[of], bounds.get(f"{of} at {name}")) for of in both]
            cells = [f"{point['threshold']:.4f}", *shares]
        rows.append([name, *cells])
    where = "chosen and measured on the same pictures"
    if report["halved"]:
        where = "chosen on one half of the sources, measured on the other"
    return Table(
        head=["operating point", "threshold", "precision", "recall"],
        rows=rows,
        chosen=list(points).index(report["chosen"]),
        notes=[f"{where}; brackets: 95 % from redrawing the sources"],
    )


def _families(report: Report) -> Table:
    beside = {
        entry["method"]: {row["family"]: row["recall"] for row in entry["families"]}
        for entry in report["baselines"]
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
    ours = {**report, **report["operating_points"][report["chosen"]], "unit": "L2", "wins": []}
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
    columns = "method,AP,rank 1,threshold,chosen for,precision,recall,better at"
    return Table(
        title="Beside other methods, same pairs",
        head=columns.split(","),
        rows=rows,
        chosen=0,
        notes=["better: it finds more, at the wanted precision or while it is right as often"],
    )


def _collection(collection: Mapping[str, Any]) -> Iterator[Table]:
    """What to expect in a large collection, and how the model did on the part it had not seen."""
    fit, checked, refusal = (collection[key] for key in ("fit", "held_out", "refusal"))
    notes = [f"No tail fit: {fit}"]
    if not isinstance(fit, str):
        notes = [
            f"Generalised Pareto tail below {fit['level']:.4f}: shape {fit['shape']:.3f}, "
            f"scale {fit['scale']:.4f}, from {fit['count']} pairs, "
            f"goodness of fit p = {fit['fit_p_value']:.2f}."
        ]
    yield Table(
        title=f"In a collection of {collection['size']:,.0f} pictures",
        warning=f"No threshold stated: {refusal}" if refusal else "",
        head=["operating point", "false pairs to expect", "95 % interval"],
        rows=[
            [name, f"{expected:.3g}", f"{low:.3g} to {high:.3g}"]
            for name, (expected, low, high) in collection.get("expected", {}).items()
        ],
        notes=[*notes, checked] if isinstance(checked, str) else notes,
    )
    if checked and not isinstance(checked, str):
        yield Table(
            head=[
                "threshold",
                "predicted from 40 % of the sources",
                "95 % interval",
                "counted in all",
            ],
            rows=[
                [
                    f"{row['threshold']:.4f}",
                    f"{row['predicted']:.3g}",
                    f"{row['low']:.3g} to {row['high']:.3g}",
                    str(row["counted"]),
                ]
                for row in checked
            ],
        )


def _with_bounds(value: float, bounds: Sequence[float] | None) -> str:
    return percent(value) if bounds is None else f"{percent(value)} {_bounds(bounds, percent)}"


def _bounds(bounds: Sequence[float] | None, write: Any = "{:.4f}".format) -> str:
    return "" if bounds is None else f"[{write(bounds[0])}, {write(bounds[1])}]"
