"""Pictures of a run, for a person who looks rather than reads. PNG files in the run folder."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from neardup.evaluation.edits.named import MISSION, edit_image
from neardup.evaluation.measures.results import Part
from neardup.training.evaluation import EDIT_SEED, Evaluation, Images


def contact_sheet(
    rows: list[list[NDArray[np.uint8]]], path: Path, *, cell: int = 96, gap: int = 4
) -> None:
    """Save a grid of pictures (H, W, 3) uint8, each squashed to ``cell`` pixels."""
    width = max(len(row) for row in rows) * (cell + gap) + gap
    sheet = Image.new("RGB", (width, len(rows) * (cell + gap) + gap), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            tile = Image.fromarray(picture).resize((cell, cell), Image.Resampling.BILINEAR)
            sheet.paste(tile, (gap + x * (cell + gap), gap + y * (cell + gap)))
    sheet.save(path)


def distance_histogram(evaluation: Evaluation, path: Path) -> None:
    """Distances of the test's duplicate and other pairs, with the threshold of validation."""
    scores, threshold = evaluation.test.scores, evaluation.val.threshold
    steps = np.arange(len(scores.histogram)) * scores.scale.step
    farthest = max(scores.positive_distance.max(), steps[scores.histogram > 0].max(initial=0))
    bins = np.linspace(0.0, max(float(farthest), 1e-6), 80).tolist()
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    for label, distance, weights in (
        ("duplicates", scores.positive_distance, None),
        ("other pairs", steps, scores.histogram),
    ):
        axes.hist(distance, bins, weights=weights, density=True, alpha=0.6, label=label)
    if threshold is not None:
        axes.axvline(threshold, color="black", lw=1, ls="--", label=f"threshold {threshold:.3f}")
    axes.set(xlabel="L2 distance", ylabel="density", title="test images")
    axes.legend()
    _save(figure, path)


def precision_recall_curve(curves: dict[str, Part], path: Path) -> None:
    """One precision/recall curve for each name."""
    figure, axes = plt.subplots(figsize=(5, 4.5), layout="constrained")
    for name, part in curves.items():
        label = f"{name}, AP {part.average_precision:.3f}"
        axes.step(part.curve.recall, part.curve.precision, where="post", label=label)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))
    axes.set_title("all edits pooled, test images")
    axes.legend(loc="lower left")
    _save(figure, path)


def learning_curve(rows: list[dict[str, str]], path: Path) -> None:
    """Loss and validation average precision against steps, from the rows of ``metrics.csv``."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 5), sharex=True, layout="constrained")
    for axes, key, label in (
        (top, "train/loss", "training loss"),
        (bottom, "val/average_precision", "validation average precision"),
    ):
        points = [(int(row["step"]), float(row[key])) for row in rows if row.get(key)]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o" if len(points) < 40 else "")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    bottom.set_xlabel("step")
    _save(figure, path)


def hardest_pairs(evaluation: Evaluation, images: Images, count: int = 8) -> list[dict[str, Any]]:
    """The farthest duplicates and the closest other pairs of the test.

    Returns:
        Rows with ``kind`` ("missed" or "false alarm"), ``edit``, ``distance``, and the pictures
        ``query`` and ``reference``, (H, W, 3) uint8.
    """
    scores, rows = evaluation.test.scores, list[dict[str, Any]]()
    farthest = np.argsort(-scores.positive_distance, kind="stable")[:count]
    for kind, pairs, distances in (
        ("missed", scores.positive[farthest], scores.positive_distance[farthest]),
        ("false alarm", scores.near[:count], scores.near_distance[:count]),
    ):
        for (query, reference), distance in zip(pairs.tolist(), distances.tolist(), strict=True):
            source, place = divmod(query, len(MISSION))
            edit = MISSION[place]
            rows.append(
                {
                    "kind": kind,
                    "edit": edit.name,
                    "distance": distance,
                    "query": edit_image(images[source], source, edit, seed=EDIT_SEED),
                    "reference": images[reference],
                }
            )
    return rows


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110)
    plt.close(figure)
