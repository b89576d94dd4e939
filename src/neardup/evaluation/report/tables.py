"""The tables of ``report.html``, each with its heading; empty text where there is nothing."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from neardup.evaluation.report.figures import percent


def thresholds(report: Mapping[str, Any]) -> str:
    rows = []
    for name, point in report["operating_points"].items():
        chosen = name == report["chosen"]
        bounds = report["intervals"]
        found = point["threshold"] is not None
        cells = [
            name,
            f"{point['threshold']:.4f}" if found else "none reaches it",
            _with_bounds(point["precision"], bounds.get(f"precision at {name}")) if found else "",
            _with_bounds(point["recall"], bounds.get(f"recall at {name}")) if found else "",
        ]
        rows.append((cells, chosen))
    where = "chosen on one half of the sources, measured on the other"
    note = where if report["halved"] else "chosen and measured on the same pictures"
    return (
        _table(["operating point", "threshold", "precision", "recall"], rows)
        + f'<p class="quiet">{note}; brackets: 95 % from redrawing the sources</p>'
    )


def families(report: Mapping[str, Any]) -> str:
    if not report["families"]:
        return ""
    beside = {
        b["method"]: {row["family"]: row["recall"] for row in b["families"]}
        for b in report["baselines"]
    }
    head = ["copies made by", "AP", "rank 1", "precision", "recall", *beside]
    rows = []
    for row in report["families"]:
        cells = [row["family"], f"{row['average_precision']:.3f}", percent(row["rank_1"])]
        silent = row["recall"] == 0 and row["precision"] == 1
        cells += ["no pair called" if silent else percent(row["precision"])]
        cells += [percent(row["recall"])]
        cells += [percent(recalls[row["family"]]) for recalls in beside.values()]
        rows.append((cells, False))
    note = "the last columns are the baselines' recall, each at its own threshold"
    return "<h2>Which copies are found</h2>" + _table(head, rows) + (_quiet(note) if beside else "")


def baselines(report: Mapping[str, Any]) -> str:
    if not report["baselines"]:
        return ""
    own = report["operating_points"][report["chosen"]]
    ours = {
        "method": report["method"],
        "wins": [],
        "headline": report["headline"],
        "intervals": report["intervals"],
        "chosen": report["chosen"],
        "unit": "L2",
        **own,
    }
    rows = []
    for entry in [ours, *report["baselines"]]:
        threshold = entry["threshold"]
        cells = [
            entry["method"],
            f"{entry['headline']['average_precision']:.3f}",
            percent(entry["headline"]["rank_1"]),
            "none" if threshold is None else f"{threshold:.4g} {entry['unit']}",
            entry["chosen"],
            percent(entry["precision"]),
            _with_bounds(entry["recall"], entry["intervals"].get(f"recall at {entry['chosen']}")),
            ", ".join(entry["wins"]) or "nothing",
        ]
        rows.append((cells, entry is ours))
    head = ["method", "AP", "rank 1", "threshold", "chosen for", "precision", "recall", "better at"]
    note = "better: it finds more, at the wanted precision or while it is right as often"
    return "<h2>Beside other methods, same pairs</h2>" + _table(head, rows) + _quiet(note)


def measures(report: Mapping[str, Any]) -> str:
    rows = []
    for name, value in report["headline"].items():
        bounds = report["intervals"].get(name)
        text = "not reached" if value is None else f"{value:.4f}"
        cells = [name.replace("_", " "), text, _bounds(bounds)]
        rows.append((cells, False))
    head = ["measure", "value", "95 % interval"]
    return "<h2>Measures that need no threshold</h2>" + _table(head, rows)


def negatives(report: Mapping[str, Any]) -> str:
    rows = [
        (
            [row["kind"], f"{row['pairs']:,}", f"{row['false_alarms']:,}", f"{row['rate']:.2e}"],
            False,
        )
        for row in report.get("negatives", [])
    ]
    head = ["pairs that are not copies", "pairs", "false alarms", "rate"]
    return "<h2>False alarms, random and hard</h2>" + _table(head, rows) if rows else ""


def groups(report: Mapping[str, Any]) -> str:
    groups = report.get("groups")
    if not groups:
        return ""
    cells = [
        f"{value:.4f}" if isinstance(value, float) else f"{value:,}" for value in groups.values()
    ]
    names = [name.replace("_", " ") for name in groups]
    rows = [([name, cell], False) for name, cell in zip(names, cells, strict=True)]
    title = "<h2>Whole groups, as neardup scan makes them</h2>"
    return title + _table(["groups at the threshold", ""], rows)


def collection(report: Mapping[str, Any]) -> str:
    found = report["collection"]
    parts = [f"<h2>In a collection of {found['size']:,.0f} pictures</h2>"]
    if found["refusal"]:
        parts.append(f'<p class="warning">No threshold stated: {escape(found["refusal"])}</p>')
    rows = [
        ([name, f"{values[0]:.3g}", f"{values[1]:.3g} to {values[2]:.3g}"], False)
        for name, values in found.get("expected", {}).items()
    ]
    if rows:
        parts.append(_table(["operating point", "false pairs to expect", "95 % interval"], rows))
    fit = found["fit"]
    if isinstance(fit, str):
        parts.append(_quiet(f"No tail fit: {fit}"))
    else:
        parts.append(
            _quiet(
                f"Generalised Pareto tail below {fit['level']:.4f}: shape {fit['shape']:.3f}, "
                f"scale {fit['scale']:.4f}, from {fit['count']} pairs, "
                f"goodness of fit p = {fit['fit_p_value']:.2f}."
            )
        )
    if isinstance(found["held_out"], str):
        parts.append(_quiet(found["held_out"]))
    elif found["held_out"]:
        rows = [
            (
                [
                    f"{row['threshold']:.4f}",
                    f"{row['predicted']:.3g}",
                    f"{row['low']:.3g} to {row['high']:.3g}",
                    str(row["counted"]),
                ],
                False,
            )
            for row in found["held_out"]
        ]
        head = [
            "threshold",
            "predicted from 40 % of the sources",
            "95 % interval",
            "counted in all",
        ]
        parts.append(_table(head, rows))
    return "".join(parts)


def _table(head: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr{' class=chosen' if chosen else ''}>"
        + "".join(f"<td{' class=words' * (len(c) > 40)}>{escape(c)}</td>" for c in cells)
        + "</tr>"
        for cells, chosen in rows
    )
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def _with_bounds(value: float, bounds: Sequence[float] | None) -> str:
    return percent(value) if bounds is None else f"{percent(value)} {_bounds(bounds, percent)}"


def _bounds(bounds: Sequence[float] | None, write: Any = "{:.4f}".format) -> str:
    return "" if bounds is None else f"[{write(bounds[0])}, {write(bounds[1])}]"


def _quiet(text: str) -> str:
    return f'<p class="quiet">{escape(text)}</p>'
