"""``report.html``: one file that opens anywhere, with the verdict and one table at the top."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from neardup.evaluation import tables
from neardup.evaluation.gallery import Gallery, ShownPair
from neardup.evaluation.page_style import STYLE

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
        tables.thresholds(report),
        _figures(figures),
        tables.families(report),
        tables.baselines(report),
        tables.measures(report),
        tables.negatives(report),
        tables.groups(report),
        tables.collection(report),
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


def _figures(figures: Mapping[str, str]) -> str:
    shown = [
        f"<figure{' class=wide' if name in _WIDE else ''}>"
        f"<figcaption>{_CAPTIONS[name]}</figcaption>{svg}</figure>"
        for name, svg in figures.items()
    ]
    return f'<h2>At a glance</h2><div class="figures">{"".join(shown)}</div>'


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
