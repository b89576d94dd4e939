"""``report.html``: one file that opens anywhere, with the verdict and one table at the top."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from neardup.evaluation.gallery import Gallery, ShownPair
from neardup.evaluation.page_style import STYLE
from neardup.evaluation.verdict import percent

_CAPTIONS = {
    "distances": "Distances of duplicates and of other pairs (test half), and the threshold",
    "threshold": "Precision and recall at every threshold (test half)",
    "precision_recall": "Precision against recall, with the 95 % band from redrawing the sources",
    "collection": "False pairs to expect when all pairs of a collection are compared, 95 % band",
    "robustness": "Recall in % after one change, “severity: recall”, harsher to the right; "
    "the bar stands where training stopped",
    "robustness_curves": "Recall against severity; shaded where training showed nothing like it",
}
_WIDE = ("robustness", "robustness_curves")


def page(report: Mapping[str, Any], figures: Mapping[str, str], pictures: Gallery) -> str:
    """The whole page.

    Args:
        report: what ``report.json`` holds.
        figures: name to SVG text.
        pictures: the worst pairs.
    """
    warnings = [f'<p class="warning">{escape(text)}</p>' for text in report["warnings"]]
    sections = [
        f"<h1>neardup evaluation: {escape(report['method'])}</h1>",
        f'<p class="quiet">{escape(report["data"])}</p>',
        f'<p class="verdict">{escape(report["verdict"])}</p>',
        *warnings,
        _thresholds(report),
        _figures(figures),
        _families(report),
        _baselines(report),
        _measures(report),
        _negatives(report),
        _groups(report),
        _collection(report),
        _gallery("Worst misses: duplicates beyond the threshold", pictures.misses),
        _gallery("Closest pairs that are not duplicates", pictures.false_alarms),
        _details(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>neardup evaluation</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body></html>\n"
    )


def _thresholds(report: Mapping[str, Any]) -> str:
    rows = []
    for name, point in report["operating_points"].items():
        chosen = name == report["chosen"]
        bounds = report["intervals"] if chosen else {}
        found = point["threshold"] is not None
        cells = [
            name,
            f"{point['threshold']:.4f}" if found else "none reaches it",
            _with_bounds(point["precision"], bounds.get("precision")) if found else "",
            _with_bounds(point["recall"], bounds.get("recall")) if found else "",
        ]
        rows.append((cells, chosen))
    where = "chosen on one half of the sources, measured on the other"
    note = where if report["halved"] else "chosen and measured on the same pictures"
    return (
        _table(["operating point", "threshold", "precision", "recall"], rows)
        + f'<p class="quiet">{note}; brackets: 95 % from redrawing the sources</p>'
    )


def _figures(figures: Mapping[str, str]) -> str:
    shown = [
        f"<figure{' class=wide' if name in _WIDE else ''}>"
        f"<figcaption>{_CAPTIONS[name]}</figcaption>{svg}</figure>"
        for name, svg in figures.items()
    ]
    return f'<h2>At a glance</h2><div class="figures">{"".join(shown)}</div>'


def _families(report: Mapping[str, Any]) -> str:
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


def _baselines(report: Mapping[str, Any]) -> str:
    if not report["baselines"]:
        return ""
    own = report["operating_points"][report["chosen"]]
    ours = {
        "method": report["method"],
        "wins": [],
        "headline": report["headline"],
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
            percent(entry["recall"]),
            ", ".join(entry["wins"]) or "nothing",
        ]
        rows.append((cells, entry is ours))
    head = ["method", "AP", "rank 1", "threshold", "chosen for", "precision", "recall", "better at"]
    return "<h2>Beside other methods, same pairs</h2>" + _table(head, rows)


def _measures(report: Mapping[str, Any]) -> str:
    rows = []
    for name, value in report["headline"].items():
        bounds = report["intervals"].get(name)
        text = "not reached" if value is None else f"{value:.4f}"
        cells = [name.replace("_", " "), text, _bounds(bounds)]
        rows.append((cells, False))
    head = ["measure", "value", "95 % interval"]
    return "<h2>Measures that need no threshold</h2>" + _table(head, rows)


def _negatives(report: Mapping[str, Any]) -> str:
    rows = [
        (
            [row["kind"], f"{row['pairs']:,}", f"{row['false_alarms']:,}", f"{row['rate']:.2e}"],
            False,
        )
        for row in report.get("negatives", [])
    ]
    head = ["pairs that are not copies", "pairs", "false alarms", "rate"]
    return "<h2>False alarms, random and hard</h2>" + _table(head, rows) if rows else ""


def _groups(report: Mapping[str, Any]) -> str:
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


def _collection(report: Mapping[str, Any]) -> str:
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


def _gallery(title: str, pairs: Sequence[ShownPair]) -> str:
    if not pairs:
        return ""
    shown = "".join(
        f'<div class="pair"><div class="two">{_image(p.left)}{_image(p.right)}</div>'
        f"<b>{p.distance:.4f}</b> {escape(p.left_name)}<br>{escape(p.right_name)}</div>"
        for p in pairs
    )
    return f'<h2>{title}</h2><div class="gallery">{shown}</div>'


def _image(data: str) -> str:
    source = f'<img alt="" src="data:image/jpeg;base64,{data}">' if data else "gone"
    return f"<div>{source}</div>"


def _details(report: Mapping[str, Any]) -> str:
    unreadable = "".join(
        f"<li>{escape(entry['name'])}: {escape(entry['reason'])}</li>"
        for entry in report["unreadable"]
    )
    facts = {key: report[key] for key in ("pairs", "bundle", "config")}
    return (
        f"<h2>How it was measured</h2><p>{escape(report['exactness'])}.</p>"
        + (
            f"<details><summary>Files left out</summary><ul>{unreadable}</ul></details>"
            * bool(unreadable)
        )
        + "<details><summary>Pairs, bundle and configuration</summary>"
        + f"<pre>{escape(json.dumps(facts, indent=2, default=str))}</pre></details>"
    )


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
