"""``report.html``: one file that opens anywhere, with a summary and one table at the top."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from neardup.evaluation.report.figures import percent
from neardup.evaluation.report.gallery import Gallery


def page(report: Mapping[str, Any], figures: Mapping[str, str], pictures: Gallery) -> str:
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
    environment.globals |= {"percent": percent, "share": _share, "interval": _interval}
    environment.filters["percent"] = percent
    captions = _captions(report)
    facts = {key: report[key] for key in ("pairs", "bundle", "config")}
    return environment.get_template("page.html.j2").render(
        report=report,
        figures=[
            {"svg": svg, "caption": captions[name], "wide": name.startswith("robustness")}
            for name, svg in figures.items()
        ],
        pictures=pictures,
        facts=json.dumps(facts, indent=2, default=str),
    )


def _captions(report: Mapping[str, Any]) -> dict[str, str]:
    """What each drawing shows, and nothing that is not drawn."""
    part = " (test half)" if report["halved"] else ""
    redrawn = report["config"]["bootstrap"] >= 1 and report["pairs"]["test"]["sources"] >= 5
    band = ", with the 95 % band from redrawing the sources" if redrawn else ""
    known = any(cell["beyond_training"] is not None for cell in report["robustness"])
    return {
        "distances": f"Distances of duplicates and of other pairs{part}, and the threshold",
        "threshold": f"Precision and recall at every threshold{part}",
        "precision_recall": f"Precision against recall{band}",
        "reliability": "What the probabilities after the second look are worth; the larger, the"
        " more pairs",
        "collection": "False pairs to expect among all pairs of a collection, 95 % band",
        "robustness": "Recall in % after one change, “severity: recall”, harsher to the right"
        + ("; the bar stands where training stopped" if known else ""),
        "robustness_curves": "Recall against severity"
        + ("; shaded where training showed nothing like it" if known else ""),
    }


def _share(value: float, bounds: Sequence[float] | None) -> str:
    """In per cent, with its 95 % interval in brackets."""
    text = percent(value)
    return text if bounds is None else f"{text} [{percent(bounds[0])}, {percent(bounds[1])}]"


def _interval(bounds: Sequence[float] | None) -> str:
    return "" if bounds is None else f"[{bounds[0]:.4f}, {bounds[1]:.4f}]"
