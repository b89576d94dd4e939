"""The Lightning module: wiring of encoder, loss and optimizer."""

import math
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any, cast

import torch
import torch.distributed as dist
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from timm.optim import param_groups_weight_decay  # type: ignore[attr-defined]
from torch import Tensor
from torch.distributed.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from neardup.training.config import TrainConfig
from neardup.training.data.datamodule import Pair
from neardup.training.encoder import Encoder, squash
from neardup.training.losses import Loss
from neardup.training.on_cpu import FastDepthwise
from neardup.training.teacher import Teacher, distillation


class SiameseModule(LightningModule):
    """One encoder, applied to both views of each pair in a single pass.

    Args:
        config: of the run. Checkpoints carry it, and the provenance.
        encoder: what is trained.
        provenance: where the encoder comes from; plain values.
        teacher: whose embeddings are to be reproduced; None: the loss alone counts.
    """

    def __init__(
        self,
        config: TrainConfig,
        encoder: Encoder,
        provenance: dict[str, Any],
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder.to(memory_format=torch.channels_last)
        self.embed: Callable[[Tensor], Tensor] = self.encoder.__call__
        if config.trainer.compile:  # for steps alone: it would be compiled for every batch size
            self.embed = torch.compile(self.encoder.forward)
        self.loss = Loss(config.loss, config.encoder.embedding_size)
        self.teacher = teacher
        self.averaged: AveragedModel | None = None
        if config.trainer.ema_decay:
            average = get_ema_multi_avg_fn(config.trainer.ema_decay)  # type: ignore[no-untyped-call]
            self.averaged = AveragedModel(self.encoder, multi_avg_fn=average, use_buffers=True)
            self.averaged.requires_grad_(False)
        # Plain containers only: a checkpoint has to load with weights_only=True.
        self.save_hyperparameters({"config": asdict(config), "provenance": provenance})

    @property
    def evaluated(self) -> Encoder:
        """The encoder that counts: the average of the weights, where one is kept."""
        return cast(Encoder, self.averaged.module) if self.averaged else self.encoder

    def on_train_batch_end(self, outputs: Any, batch: Pair, batch_idx: int) -> None:
        """Move the average on."""
        if self.averaged:
            self.averaged.update_parameters(self.encoder)

    def objective(self, batch: Pair) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """The loss. Both views go in one pass, so that BatchNorm sees them together.

        Returns:
            ``total`` and its parts, scalars; the (B, D) embeddings of all processes and their (B,)
            sources.
        """
        images = torch.cat([batch["anchor"], batch["positive"]])
        own = torch.as_tensor(batch["source"], device=images.device).repeat(2)
        images = squash(images, self.config.data.image_size)
        with FastDepthwise() if images.device.type == "cpu" else nullcontext():
            embedded = self.embed(images)
        embeddings, source = gather_batch(embedded, own)
        parts = self.loss(embeddings, source)
        if self.teacher:
            targets, _ = gather_batch(self.teacher(images), own)
            distance = distillation(embeddings, targets)
            weight = self.config.distill.pair_weight
            pairs = weight * parts["total"] if weight else 0.0
            parts |= {"distill": distance, "total": distance + pairs}
        return parts, embeddings, source

    def training_step(self, batch: Pair, batch_idx: int) -> dict[str, Tensor]:
        """One step, and its figures."""
        parts, embeddings, source = self.objective(batch)
        geometry = batch_geometry(embeddings.detach(), source)
        log_every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if (self.global_step + 1) % log_every == 0:  # each figure takes part of a millisecond
            rate = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
            figures = {"loss": parts["total"], "lr": torch.tensor(rate), **geometry}
            figures |= {f"loss_{name}": parts[name] for name in parts.keys() - {"total"}}
            self.log_dict({f"train/{name}": value.detach() for name, value in figures.items()})
        return {"loss": parts["total"], **geometry}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW or SGD, linear warm-up, cosine decay; no weight decay on norms and biases."""
        config = self.config.optimizer
        groups = param_groups_weight_decay(self.encoder, config.weight_decay)
        optimizer: Optimizer
        if config.name == "sgd":
            optimizer = torch.optim.SGD(groups, lr=config.lr, momentum=0.9, nesterov=True)
        else:
            optimizer = torch.optim.AdamW(groups, lr=config.lr)
        scheduler = LambdaLR(
            optimizer, warmup_cosine(self.config.trainer.max_steps, config.warmup_fraction)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


def batch_geometry(embeddings: Tensor, source: Tensor) -> dict[str, Tensor]:
    """How the batch lies on the sphere.

    Args:
        embeddings: (B, D) of unit norm.
        source: (B,) int64.

    Returns:
        Means of L2 distances in [0, 2]: ``positive_distance`` between views of one source,
        ``nearest_negative_distance`` from each row to the closest other source, and ``spread``
        over all pairs of different sources.
    """
    distance = torch.cdist(embeddings.float(), embeddings.float())
    same = source[:, None] == source[None, :]
    positive = same & ~torch.eye(len(source), dtype=torch.bool, device=same.device)
    nearest = distance.masked_fill(same, torch.inf).min(dim=1).values
    return {
        "positive_distance": _mean_where(positive, distance),
        "nearest_negative_distance": nearest.mean(),
        "spread": _mean_where(~same, distance),
    }


def _mean_where(mask: Tensor, values: Tensor) -> Tensor:
    """``values[mask].mean()``, which would wait for a GPU to count the mask."""
    return (values * mask).sum() / mask.sum()


def warmup_cosine(max_steps: int, warmup_fraction: float) -> Callable[[int], float]:
    """Linear warm-up from near 0 to 1, then half a cosine down to 0 (Loshchilov & Hutter 2017).

    Args:
        max_steps: steps of the whole run.
        warmup_fraction: share of them spent warming up.

    Returns:
        step (from 0) -> factor in [0, 1] on the peak learning rate.
    """
    warmup = max(1, round(max_steps * warmup_fraction))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, max_steps - warmup))
        return 0.5 * (1.0 + math.cos(math.pi * progress))

    return factor


_gather_with_gradient = cast(Callable[[Tensor], Iterable[Tensor]], functional.all_gather)


def gather_batch(embeddings: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Put the batch of all processes together, in the order one process would have had it.

    Args:
        embeddings: (B, D), the same B everywhere; gradients reach every process's rows.
        source: (B,) int64. The rows are the anchors and then the positives; of each, process r of
            W holds the rows r, r + W, r + 2 W ... (:class:`StepBatchSampler`).

    Returns:
        (W * B, D) and (W * B,); the arguments themselves when there is one process.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return embeddings, source
    sources = [torch.empty_like(source) for _ in range(dist.get_world_size())]
    dist.all_gather(sources, source)

    def in_order(parts: Iterable[Tensor]) -> Tensor:
        by_process = torch.stack(list(parts))  # (W, B, ...)
        rows = by_process.view(len(by_process), 2, -1, *by_process.shape[2:])
        return rows.movedim(0, 2).flatten(0, 2)

    return in_order(_gather_with_gradient(embeddings)), in_order(sources)
