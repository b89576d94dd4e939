"""What stops a run: embeddings that have fallen together, figures that are no longer numbers."""

import math
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from neardup.errors import NeardupError

SPREAD = 0.1
"""Mean L2 distance of different pictures below which they lie on one spot."""


_FIGURES = ("loss", "spread", "positive_distance", "nearest_negative_distance")


class Alarm(Callback):
    """Stops at a loss that is no number, and after ``patience`` collapsed steps in a row.

    A step is collapsed when different pictures lie closer than :data:`SPREAD` on average and the
    positives are not clearly closer than the nearest negatives (by less than a factor of 2). An
    untrained encoder starts like this, hence the patience. 0 is for ever.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.collapsed_steps = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Judge the step just taken."""
        loss, spread, positive, nearest = (float(outputs[name]) for name in _FIGURES)
        if not math.isfinite(loss):
            raise NeardupError(diverged(f"the loss became {loss}", trainer.global_step - 1))
        collapsed = spread < SPREAD and positive >= 0.5 * nearest  # both are 0 on one point
        self.collapsed_steps = self.collapsed_steps + 1 if collapsed else 0
        if self.patience and self.collapsed_steps >= self.patience:
            raise NeardupError(
                f"collapsed: for {self.patience} steps all embeddings have lain together (mean"
                f" distance of different pictures {spread:.3f}, positives {positive:.3f}, nearest"
                f" negatives {nearest:.3f}). Lower optimizer.lr, raise data.batch_size, set"
                " loss.koleo_weight (1 is a start), or use loss=ntxent; loss.miner=semi_hard for"
                " triplets. trainer.collapse_patience=0 silences this alarm"
            )


def diverged(what: str, step: int) -> str:
    """The explanation for a run that cannot go on."""
    return (
        f"{what} at step {step}: lower optimizer.lr, lengthen optimizer.warmup_fraction or lower"
        " trainer.gradient_clip, in a new run (a resumed one keeps its configuration);"
        " encoder.weights=RUN/checkpoints/last.ckpt lets it begin where this one was last good"
    )
