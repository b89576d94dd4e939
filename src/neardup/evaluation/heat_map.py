"""The robustness map: one row per kind of change, harsher to the right."""

from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from neardup.evaluation.edits import FAMILIES


def draw_heat_map(axes: Axes, cells: list[dict[str, Any]], ink: str) -> None:
    """Recall as colour and number; a bar stands where training stopped."""
    colors = matplotlib.colormaps["RdYlBu"]
    families = list(dict.fromkeys(cell["family"] for cell in cells))
    widest = 0
    for row, family in enumerate(families):
        own = [cell for cell in cells if cell["family"] == family]
        widest = max(widest, len(own))
        for column, cell in enumerate(own):
            color = colors(0.1 + 0.8 * cell["recall"])
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
        seen = [cell["beyond_training"] for cell in own]
        if None not in seen:
            stop = seen.index(True) if True in seen else len(own)
            axes.plot([stop - 0.02] * 2, [row, row + 0.92], color=ink, linewidth=2.5)
    axes.set_yticks([row + 0.46 for row in range(len(families))], _labels(families))
    axes.set_xticks([])
    axes.set(xlim=(-0.1, widest), ylim=(len(families), 0))
    axes.tick_params(left=False)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _labels(families: list[str]) -> list[str]:
    return [f"{family.replace('_', ' ')}\n({FAMILIES[family].unit})" for family in families]
