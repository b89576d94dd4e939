"""``report.html``: one file that opens anywhere, with the verdict and one table at the top."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from neardup.evaluation.report import tables
from neardup.evaluation.report.gallery import Gallery, ShownPair

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


STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --paper: #fbfbfa; --card: #ffffff;
  --grid: #d5dbe1; --quiet: #5c6873; --accent: #2369a8; --warn: #8a4b08; --warn-paper: #fdf1e0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7eb; --paper: #14181c; --card: #1c2227;
  --grid: #39434c; --quiet: #9aa6b1; --accent: #7cb5ec; --warn: #f2c48a; --warn-paper: #3a2a16; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 1.2rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
.quiet { color: var(--quiet); font-size: .9rem; margin: .2rem 0; }
.verdict { font-size: 1.25rem; line-height: 1.4; margin: .9rem 0; }
.warning { background: var(--warn-paper); color: var(--warn); padding: .5rem .8rem;
  border-radius: 6px; margin: .4rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: 60%; }
th, td { padding: .3rem .8rem .3rem 0; text-align: right; border-bottom: 1px solid var(--grid);
  white-space: nowrap; }
th { font-weight: 600; color: var(--quiet); font-size: .88rem; }
th:first-child, td:first-child { text-align: left; }
td.words { white-space: normal; min-width: 14rem; }
tr.chosen td { font-weight: 650; color: var(--accent); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr));
  gap: 1rem; }
figure { margin: 0; padding: .8rem; background: var(--card); border: 1px solid var(--grid);
  border-radius: 8px; min-width: 0; }
figure svg { width: 100%; height: auto; display: block; }
figure.wide { grid-column: 1 / -1; overflow-x: auto; }
figure.wide svg { max-width: 860px; min-width: 620px; }
figcaption { font-size: .9rem; color: var(--quiet); margin-bottom: .4rem; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr));
  gap: .8rem; }
.pair { background: var(--card); border: 1px solid var(--grid); border-radius: 8px;
  padding: .5rem; font-size: .8rem; overflow-wrap: anywhere; min-width: 0; }
.pair .two { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 4px; }
.pair .two div { aspect-ratio: 1; background: var(--grid); position: relative; }
.pair img { position: absolute; width: 100%; height: 100%; object-fit: contain; }
.pair b { color: var(--accent); }
@media (max-width: 560px) { body { padding: .8rem; } .verdict { font-size: 1.1rem; }
  th, td { padding-right: .5rem; font-size: .85rem; } }
details { margin: .6rem 0; } summary { cursor: pointer; }
pre { overflow-x: auto; font-size: .8rem; }
"""
