"""Robustness: a map with one row per kind of change, harsher to the right, and curves."""

from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from neardup.evaluation.edits import FAMILIES

Cells = list[dict[str, Any]]
_ACROSS = 4


def draw_heat_map(figure: Figure, cells: Cells, ink: str) -> None:
    """Recall as colour and number; a bar stands where training stopped."""
    axes = figure.add_subplot()
    colors = matplotlib.colormaps["RdYlBu"]
    rows = _by_family(cells)
    families, widest = list(rows), max(map(len, rows.values()))
    for row, own in enumerate(rows.values()):
        for column, cell in enumerate(own):
            color = colors(0.15 + 0.65 * cell["recall"])
            axes.add_patch(Rectangle((column, row), 0.96, 0.92, facecolor=color, linewidth=0))
            label = f"{cell['severity']:g}: {100 * cell['recall']:.0f}"
            axes.text(
                column + 0.48,
                row + 0.46,
                label,
                ha="center",
                va="center",
                color="#111418",
                fontsize=8.5,
            )
        stop = _training_stops(own)
        if stop is not None:
            axes.plot([stop - 0.02] * 2, [row, row + 0.92], color=ink, linewidth=2.5)
    axes.set_yticks([row + 0.46 for row in range(len(families))], _labels(families))
    axes.set_xticks([])
    axes.set(xlim=(-0.1, widest), ylim=(len(families), 0))
    axes.tick_params(left=False)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_curves(figure: Figure, cells: Cells, color: str, ink: str) -> None:
    """Recall against severity, one small chart per kind of change; beyond training is shaded."""
    rows = {family: own for family, own in _by_family(cells).items() if len(own) > 1}
    down = -(-len(rows) // _ACROSS)
    for place, (family, own) in enumerate(rows.items(), start=1):
        axes = figure.add_subplot(down, _ACROSS, place)
        steps = list(range(len(own)))
        axes.plot(steps, [cell["recall"] for cell in own], color=color, marker="o", markersize=3)
        stop = _training_stops(own)
        if stop is not None and stop < len(own):
            axes.axvspan(stop - 0.5, len(own) - 0.5, color=ink, alpha=0.08, linewidth=0)
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


def _labels(families: list[str]) -> list[str]:
    return [f"{family.replace('_', ' ')}\n({FAMILIES[family].unit})" for family in families]
