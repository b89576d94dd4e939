"""From configuration to objects, by plain calls. The one place where a run is put together."""

import logging
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from numpy.typing import NDArray
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.logger import Logger

from neardup.errors import ConfigError
from neardup.training.callbacks.metrics_csv import MetricsCSV
from neardup.training.checkpoints import AtomicCheckpointIO
from neardup.training.config import LoggerConfig, TrainConfig
from neardup.training.data.datamodule import PairDataModule
from neardup.training.data.sources import Sources
from neardup.training.encoder import Encoder
from neardup.training.losses import Loss
from neardup.training.module import SiameseModule
from neardup.training.teacher import Teacher
from neardup.training.views import ViewMaker

log = logging.getLogger(__name__)


def build_module(
    config: TrainConfig,
    encoder: Encoder,
    provenance: dict[str, Any],
    teacher: Teacher | None = None,
) -> SiameseModule:
    """The Lightning module. Its checkpoints carry the configuration and ``provenance``."""
    module = SiameseModule(
        encoder.to(memory_format=torch.channels_last),
        Loss(config.loss, config.encoder.embedding_size),
        config.optimizer,
        max_steps=config.trainer.max_steps,
        image_size=config.data.image_size,
        teacher=teacher,
        pair_weight=config.distill.pair_weight,
        ema_decay=config.trainer.ema_decay,
    )
    # Plain containers only: a checkpoint has to load with weights_only=True.
    module.save_hyperparameters({"config": asdict(config), "provenance": provenance})
    return module


def build_data(
    config: TrainConfig,
    sources: Sources,
    *,
    view_size: int,
    look_alikes: NDArray[np.int64] | None = None,
) -> PairDataModule:
    """The loader of training pairs, views of ``view_size`` pixels."""
    return PairDataModule(
        config.data,
        sources.train,
        ViewMaker(config.augment, view_size, others=sources.train),
        seed=config.seed,
        steps_per_round=config.trainer.val_every,
        max_steps=config.trainer.max_steps,
        look_alikes=look_alikes,
    )


def build_trainer(
    config: TrainConfig, callbacks: list[Callback], *, resume_step: int | None
) -> Trainer:
    """The Lightning trainer. A round of ``val_every`` steps is what Lightning calls an epoch.

    It is told the number of rounds, not of steps: with ``max_steps`` Lightning takes a checkpoint
    from the end of an epoch for one from its middle, and resumes at the wrong place.

    Raises:
        ConfigError: this machine lacks what the configuration asks for.
    """
    options = config.trainer
    accelerator = options.accelerator
    precision = options.precision
    on_gpu = torch.cuda.is_available() and accelerator in ("auto", "gpu", "cuda")
    if precision == "auto":
        precision = "bf16-mixed" if on_gpu else "32-true"
    torch.backends.cudnn.allow_tf32 = False  # thresholds measured in float32 are used on CPUs
    run_dir = Path(config.run_dir)
    try:
        return Trainer(
            accelerator=accelerator,
            devices=options.devices,
            strategy=options.strategy,
            precision=precision,  # type: ignore[arg-type]
            max_epochs=math.ceil(options.max_steps / options.val_every),
            gradient_clip_val=options.gradient_clip or None,
            limit_val_batches=0,
            use_distributed_sampler=False,
            sync_batchnorm=on_gpu and options.devices > 1,  # torch has it for GPUs only
            log_every_n_steps=config.logger.log_every,
            default_root_dir=run_dir,
            callbacks=callbacks,
            logger=[
                MetricsCSV(run_dir, resume_step=resume_step),
                *_dashboard(config.logger, run_dir),
            ],
            plugins=[AtomicCheckpointIO()],
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except MisconfigurationException as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"trainer.accelerator={accelerator}, trainer.devices={options.devices}: not on this"
            f" machine ({reason})"
        ) from error


def _dashboard(config: LoggerConfig, run_dir: Path) -> list[Logger]:
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
