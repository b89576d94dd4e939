"""Validation at the end of each round, over all scores at once.

The set is small, so every process embeds the whole of it: nothing is gathered, nothing padded, and
all processes hold the same figures.
"""

from typing import cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console

from neardup.errors import NeardupError
from neardup.training.callbacks.collapse import diverged
from neardup.training.callbacks.metrics_csv import MetricsCSV
from neardup.training.data.images import Images
from neardup.training.encoder import TorchEmbedder
from neardup.training.evaluation import validate
from neardup.training.module import SiameseModule


class Validation(Callback):
    """Logs ``val/*`` from the edits of the validation images against their originals."""

    def __init__(self, images: Images, image_size: int, *, at_most: int, console: Console) -> None:
        self.images = [images[i] for i in range(min(at_most, len(images)))]
        self.image_size = image_size
        self.console = console

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Evaluate and log, before the checkpoint of this round is written.

        Raises:
            NeardupError: the last steps have spoilt the weights, which are not worth keeping.
        """
        if not all(torch.isfinite(p).all() for p in pl_module.parameters()):
            raise NeardupError(diverged("the weights became NaN or infinite", trainer.global_step))
        embed = TorchEmbedder(cast(SiameseModule, pl_module).evaluated, self.image_size)
        result = validate(self.images, embed, name="validation")
        figures = {
            "val/average_precision": result.scores.whole.average_precision,
            "val/recall_at_p99": result.points["precision=0.99"].recall,
            "val/threshold_f1": float(result.points["f1"].threshold or 0.0),
        }
        pl_module.log_dict(figures, logger=False)
        for logger in trainer.loggers:  # at once, so that no checkpoint is without its figures
            logger.log_metrics(figures, step=trainer.global_step - 1)
            if isinstance(logger, MetricsCSV):
                logger.write()
        if trainer.is_global_zero:
            self.console.print(
                f"step {trainer.global_step:>6}  validation: average precision"
                f" {figures['val/average_precision']:.3f}, recall at 99 % precision"
                f" {figures['val/recall_at_p99']:.3f}"
            )
