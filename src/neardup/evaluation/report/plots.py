"""The figures: PNG files, and the same as SVG text that takes its ink from the page around it."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from neardup.evaluation.edits.named import FAMILIES
from neardup.evaluation.measures.bootstrap import precision_band
from neardup.evaluation.measures.results import Part, Result

INK, GRID = "#1f2933", "#d5dbe1"
MAIN, OTHER = "#3b82c4", "#e0803a"
_SERIES = (OTHER, "#3fa773", "#a071c9", "#b08a2e")
_BINS = 160
NAMES = (
    *("distances", "threshold", "precision_recall", "reliability"),
    *("collection", "robustness", "robustness_curves"),
)
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "axes.grid": True,
    "grid.color": GRID,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


def draw(
    report: dict[str, Any], main: Result, others: list[Result], folder: Path
) -> dict[str, str]:
    """Write ``folder``/NAME.png for each figure and return NAME to SVG text.

    SVG text uses ``currentColor`` for ink and ``var(--grid)`` for grid lines, on no background.
    """
    test, threshold, cells = main.scores.test, main.threshold, report["robustness"]
    figures: dict[str, tuple[float, float, Callable[[Figure], None]]] = {
        "distances": (5.2, 3.2, lambda f: _distances(f.add_subplot(), test, threshold)),
        "threshold": (5.2, 3.2, lambda f: _against_threshold(f.add_subplot(), test, threshold)),
        "precision_recall": (5.2, 3.6, lambda f: _precision_recall(f, report, main, others)),
    }
    if "reliability" in report:
        figures["reliability"] = 5.2, 3.6, lambda f: _reliability(f, report["reliability"])
    if report["collection"]["curves"]:
        figures["collection"] = 5.2, 3.6, lambda f: _collection(f, report["collection"])
    if cells:
        figures["robustness"] = 7.2, 6.2, lambda f: _heat_map(f.add_subplot(), cells)
        figures["robustness_curves"] = 7.2, 6.2, lambda f: _robustness_curves(f, cells)
    for name in NAMES:
        (folder / f"{name}.png").unlink(missing_ok=True)
    return {
        name: _render(name, (width, height), paint, folder)
        for name, (width, height, paint) in figures.items()
    }


def _render(
    name: str, size: tuple[float, float], paint: Callable[[Figure], None], folder: Path
) -> str:
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        figure.savefig(folder / f"{name}.png", dpi=150, facecolor="white")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor").replace(GRID, "var(--grid)")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace("black", "currentColor")
    return re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)


def _distances(axes: Axes, part: Part, threshold: float | None) -> None:
    scores = part.scores
    bins = _BINS if not scores.scale.whole else len(scores.histogram)
    edges = np.linspace(0, scores.scale.upper + (1 if scores.scale.whole else 0), bins + 1)
    positions = np.arange(len(scores.histogram)) * scores.scale.step
    for label, color, values, weights in (
        ("other pairs", OTHER, positions, scores.histogram),
        ("duplicates", MAIN, scores.positive_distance, None),
    ):
        counts, _ = np.histogram(values, bins=edges, weights=weights)
        axes.stairs(
            counts / max(counts.sum(), 1), edges, fill=True, color=color, alpha=0.55, label=label
        )
    _mark(axes, threshold)
    axes.set(xlabel="distance", ylabel="share of the pairs", xlim=(0, scores.scale.upper))
    axes.legend(loc="best")


def _against_threshold(axes: Axes, part: Part, threshold: float | None) -> None:
    curve = part.curve
    rows = _thin(curve.threshold)
    x = curve.threshold[rows]
    axes.plot(x, curve.precision[rows], color=OTHER, label="precision")
    axes.plot(x, curve.recall[rows], color=MAIN, label="recall")
    axes.plot(x, curve.f1[rows], color=INK, linewidth=1, linestyle="--", label="F1")
    _mark(axes, threshold)
    axes.set(xlabel="threshold on the distance", xlim=(0, None), ylim=(0, 1.02))
    axes.legend(loc="best")


def _precision_recall(
    figure: Figure, report: dict[str, Any], main: Result, others: list[Result]
) -> None:
    axes = figure.add_subplot()
    recalls = np.linspace(0.0, 1.0, 101)
    test, config = main.scores.test, report["config"]
    draws, seed = config["bootstrap"], config["seed"]
    band = precision_band(test.task, test.scores, recalls, draws=draws, seed=seed)
    if band is not None:
        axes.fill_between(recalls, band[0], band[1], color=MAIN, alpha=0.2, linewidth=0)
    for result, color in zip([main, *others], (MAIN, *_SERIES), strict=False):
        curve = result.scores.test.curve
        best = np.maximum.accumulate(curve.precision[::-1])[::-1]
        rows = _thin(curve.recall)
        name = result.scores.method.name
        axes.plot(curve.recall[rows], best[rows], color=color, label=name)
    if main.threshold is not None:
        axes.plot(main.point.recall, main.point.precision, "o", color=MAIN, markersize=7)
    axes.set(xlabel="recall", ylabel="precision (best at this recall or more)")
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02))
    axes.legend(loc="lower left")


def _reliability(figure: Figure, found: dict[str, Any]) -> None:
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=":")
    sizes = 12 + 14 * np.log10(np.array(found["pairs"]))
    axes.plot(found["promised"], found["true"], color=MAIN, linewidth=1)
    axes.scatter(found["promised"], found["true"], s=sizes, color=MAIN)
    axes.set(xlabel="promised probability", ylabel="share that are copies")
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))


def _collection(figure: Figure, collection: dict[str, Any]) -> None:
    axes = figure.add_subplot()
    for (name, rows), color in zip(collection["curves"].items(), (MAIN, *_SERIES), strict=False):
        size, estimate, low, high = np.array(rows).T
        axes.fill_between(size, np.maximum(low, 1e-9), high, color=color, alpha=0.2, linewidth=0)
        axes.plot(size, estimate, color=color, label=name)
    axes.axvline(collection["size"], color=INK, linewidth=1, linestyle=":")
    axes.set(xscale="log", yscale="log")
    axes.set(xlabel="pictures in the collection", ylabel="expected false pairs", ylim=(1e-3, None))
    axes.legend(loc="upper left")


def _mark(axes: Axes, threshold: float | None) -> None:
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=1.2, label=f"threshold {threshold:.3f}")


def _thin(
    ascending: NDArray[np.float64], most: int = 800
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions of about ``most`` values, evenly far apart, the ends among them."""
    wanted = np.linspace(ascending[0], ascending[-1], most)
    return np.unique(np.searchsorted(ascending, wanted).clip(max=len(ascending) - 1))


Cells = list[dict[str, Any]]
_ACROSS = 4


def _heat_map(axes: Axes, cells: Cells) -> None:
    """Recall as colour and number; a bar stands where training stopped."""
    colors = matplotlib.colormaps["RdYlBu"]
    rows = _by_family(cells)
    style: dict[str, Any] = {"ha": "center", "va": "center", "color": "#111418", "fontsize": 8.5}
    for row, own in enumerate(rows.values()):
        for column, cell in enumerate(own):
            color = colors(0.15 + 0.65 * cell["recall"])
            axes.add_patch(Rectangle((column, row), 0.96, 0.92, facecolor=color, linewidth=0))
            label = f"{cell['severity']:g}: {100 * cell['recall']:.0f}"
            axes.text(column + 0.48, row + 0.46, label, **style)
        stop = _training_stops(own)
        if stop is not None:
            axes.plot([stop - 0.02] * 2, [row, row + 0.92], color=INK, linewidth=2.5)
    labels = [f"{family.replace('_', ' ')}\n({FAMILIES[family].unit})" for family in rows]
    axes.set_yticks([row + 0.46 for row in range(len(rows))], labels)
    axes.set_xticks([])
    axes.set(xlim=(-0.1, max(map(len, rows.values()))), ylim=(len(rows), 0))
    axes.tick_params(left=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _robustness_curves(figure: Figure, cells: Cells) -> None:
    """Recall against severity, one small chart per kind of change; beyond training is shaded."""
    rows = {family: own for family, own in _by_family(cells).items() if len(own) > 1}
    down = -(-len(rows) // _ACROSS)
    for place, (family, own) in enumerate(rows.items(), start=1):
        axes = figure.add_subplot(down, _ACROSS, place)
        steps = list(range(len(own)))
        axes.plot(steps, [cell["recall"] for cell in own], color=MAIN, marker="o", markersize=3)
        stop = _training_stops(own)
        if stop is not None and stop < len(own):
            axes.axvspan(stop - 0.5, len(own) - 0.5, color=INK, alpha=0.08, linewidth=0)
        axes.set_title(family.replace("_", " "), fontsize=9)
        axes.set_xticks(steps, [f"{cell['severity']:g}" for cell in own], fontsize=7.5)
        axes.set_yticks([0, 0.5, 1], ["0", "", "1"], fontsize=7.5)
        axes.set(ylim=(-0.05, 1.05), xlim=(-0.5, len(own) - 0.5))


def _by_family(cells: Cells) -> dict[str, Cells]:
    rows: dict[str, Cells] = {}
    for cell in cells:
        rows.setdefault(cell["family"], []).append(cell)
    return rows


def _training_stops(own: Cells) -> int | None:
    """Position of the first severity that the training did not show; None: not known."""
    beyond = [cell["beyond_training"] for cell in own]
    if None in beyond:
        return None
    return beyond.index(True) if True in beyond else len(own)
