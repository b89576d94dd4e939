"""What a run shows a person: drawings in its folder, and on a dashboard if one is configured."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.logger import Logger

from neardup.evaluation.edits.named import MISSION, edit_image
from neardup.evaluation.measures.results import Part
from neardup.training.callbacks.metrics_csv import MetricsCSV, read_rows
from neardup.training.config import LoggerConfig
from neardup.training.data.images import Images
from neardup.training.evaluation import EDIT_SEED, Evaluation

log = logging.getLogger(__name__)

FOLDER = "pictures"


class Dashboard(Callback):
    """Saves drawings in the run folder and sends them to whichever dashboard is on."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Show the first batch: anchors above, positives below."""
        if trainer.global_step == 0 and trainer.is_global_zero:
            rows: list[list[NDArray[Any]]] = []
            for start in range(0, min(36, len(batch["anchor"])), 12):
                for view in ("anchor", "positive"):
                    rows.append(list(batch[view][start : start + 12].cpu().numpy()))
            self._show(trainer, "first_batch", contact_sheet(rows))

    def show_evaluations(
        self, trainer: Trainer, evaluations: Mapping[str, Evaluation], test_images: Images
    ) -> None:
        """Log the test's figures; show its curves, histogram of distances and hardest pairs.

        Args:
            trainer: whose loggers are used.
            evaluations: on the encoder ``before`` and ``after`` training, and others beside them.
            test_images: that they are on.
        """
        trained = evaluations["after"]
        for logger in trainer.loggers:
            logger.log_metrics(trained.figures(), step=trainer.global_step - 1)
            if isinstance(logger, MetricsCSV):
                logger.write()
        tests = {name: evaluation.test for name, evaluation in evaluations.items()}
        hardest = hardest_pairs(trained, test_images)
        sheet = [[row["query"] for row in hardest], [row["reference"] for row in hardest]]
        self._show(trainer, "learning_curve", learning_curve(read_rows(self.run_dir)))
        self._show(trainer, "test_precision_recall", precision_recall_curve(tests))
        self._show(trainer, "test_distances", distance_histogram(trained))
        self._show(trainer, "hardest_pairs", contact_sheet(sheet))
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                from wandb import Image as Shown

                data = [
                    [Shown(v) if isinstance(v, np.ndarray) else v for v in row.values()]
                    for row in hardest
                ]
                logger.log_table("hardest_pairs_table", columns=list(hardest[0]), data=data)

    def _show(self, trainer: Trainer, name: str, drawing: Figure | Image.Image) -> None:
        """Save a drawing in the run folder and log it."""
        path = self.run_dir / FOLDER / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(drawing, Figure):
            drawing.savefig(path, dpi=110)
            plt.close(drawing)
        else:
            drawing.save(path)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image(name, [str(path)], step=trainer.global_step)
            elif isinstance(logger, TensorBoardLogger):
                pixels = np.asarray(Image.open(path).convert("RGB"))
                logger.experiment.add_image(name, pixels, trainer.global_step, dataformats="HWC")


def contact_sheet(
    rows: list[list[NDArray[np.uint8]]], *, cell: int = 96, gap: int = 4
) -> Image.Image:
    """A grid of images (H, W, 3) uint8 RGB, each squashed to ``cell`` pixels."""
    width = max(len(row) for row in rows) * (cell + gap) + gap
    sheet = Image.new("RGB", (width, len(rows) * (cell + gap) + gap), "white")
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            tile = Image.fromarray(image).resize((cell, cell), Image.Resampling.BILINEAR)
            sheet.paste(tile, (gap + x * (cell + gap), gap + y * (cell + gap)))
    return sheet


def distance_histogram(evaluation: Evaluation) -> Figure:
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
    return figure


def precision_recall_curve(curves: Mapping[str, Part]) -> Figure:
    """One precision/recall curve for each name."""
    figure, axes = plt.subplots(figsize=(5, 4.5), layout="constrained")
    for name, part in curves.items():
        label = f"{name}, AP {part.average_precision:.3f}"
        axes.step(part.curve.recall, part.curve.precision, where="post", label=label)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))
    axes.set_title("all edits pooled, test images")
    axes.legend(loc="lower left")
    return figure


def learning_curve(rows: list[dict[str, str]]) -> Figure:
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
    return figure


def hardest_pairs(evaluation: Evaluation, images: Images, count: int = 8) -> list[dict[str, Any]]:
    """The farthest duplicates and the closest other pairs of the test.

    Returns:
        Rows with ``kind`` ("missed" or "false alarm"), ``edit``, ``distance``, and the images
        ``query`` and ``reference``, (H, W, 3) uint8 RGB.
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


def dashboard_loggers(config: LoggerConfig, run_dir: Path) -> list[Logger]:
    """The logger of the configured dashboard, if there is one."""
    match config.name:
        case "wandb":
            os.environ.setdefault("WANDB_SILENT", "true")
            # A run that goes on is a new wandb run of the same group: offline runs with one id
            # would overwrite each other when they are synchronised.
            return [
                WandbLogger(
                    project=config.project,
                    name=run_dir.name,
                    group=run_dir.name,
                    save_dir=run_dir,
                    mode=_wandb_mode(config.mode),
                )
            ]
        case "tensorboard":
            return [TensorBoardLogger(run_dir, name="tensorboard", version="")]
        case _:
            return []


def _wandb_mode(mode: str) -> str:
    """Online when logged in and the server can be reached; never a prompt."""
    if mode != "auto":
        return mode
    if os.environ.get("WANDB_MODE"):
        return os.environ["WANDB_MODE"]
    os.environ.pop("WANDB_MODE", None)  # empty, which wandb refuses
    import wandb

    try:
        return "online" if wandb.login(prompt=False) else "offline"
    except wandb.Error as error:
        log.warning("wandb is offline, `wandb sync` sends the run later: %s", error)
        return "offline"


def finish_dashboards(trainer: Trainer) -> None:
    """End the dashboard's run; wandb would log a second run of this process into the first."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()
