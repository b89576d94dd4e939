"""What a dashboard shows beyond curves, while training: pictures and tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from neardup.training.callbacks import drawings as pictures
from neardup.training.callbacks.metrics_csv import MetricsCSV, read_rows
from neardup.training.evaluation import Evaluation, Images

FOLDER = "pictures"


class Dashboard(Callback):
    """Saves pictures in the run folder and sends them to whichever dashboard is on.

    Args:
        run_dir: the run folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.folder = run_dir / FOLDER

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Show the first batch: anchors above, positives below."""
        if trainer.global_step == 0 and trainer.is_global_zero:
            rows: list[list[NDArray[Any]]] = []
            for start in range(0, min(36, len(batch["anchor"])), 12):
                for view in ("anchor", "positive"):
                    rows.append(list(batch[view][start : start + 12].cpu().numpy()))
            self.show(trainer, "first_batch", lambda path: pictures.contact_sheet(rows, path))

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
        for name, draw in {
            "learning_curve": lambda path: pictures.learning_curve(read_rows(self.run_dir), path),
            "test_precision_recall": lambda path: pictures.precision_recall_curve(
                {name: evaluation.test for name, evaluation in evaluations.items()}, path
            ),
            "test_distances": lambda path: pictures.distance_histogram(trained, path),
        }.items():
            self.show(trainer, name, draw)
        self._show_hardest(trainer, pictures.hardest_pairs(trained, test_images))

    def show(self, trainer: Trainer, name: str, draw: Any) -> None:
        """Draw ``name`` into the run folder and log it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.png"
        draw(path)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image(name, [str(path)], step=trainer.global_step)
            elif isinstance(logger, TensorBoardLogger):
                import numpy as np
                from PIL import Image

                pixels = np.asarray(Image.open(path).convert("RGB"))
                logger.experiment.add_image(name, pixels, trainer.global_step, dataformats="HWC")

    def _show_hardest(self, trainer: Trainer, rows: list[dict[str, Any]]) -> None:
        """Show the hardest pairs, query above reference, and log them as a table."""
        sheet = [[row["query"] for row in rows], [row["reference"] for row in rows]]
        self.show(trainer, "hardest_pairs", lambda path: pictures.contact_sheet(sheet, path))
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                import wandb

                columns = list(rows[0])
                data = [
                    [wandb.Image(v) if hasattr(v, "shape") else v for v in row.values()]
                    for row in rows
                ]
                logger.log_table("hardest_pairs_table", columns=columns, data=data)
