"""From configuration to objects, by plain calls. The one place where a run is put together."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Callback, Trainer

from neardup.errors import ConfigError
from neardup.training.callbacks.dashboard import dashboard_loggers
from neardup.training.callbacks.metrics_csv import MetricsCSV
from neardup.training.checkpoints import AtomicCheckpointIO
from neardup.training.config import TrainConfig
from neardup.training.encoder import Encoder
from neardup.training.losses import Loss
from neardup.training.module import SiameseModule
from neardup.training.teacher import Teacher


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
                *dashboard_loggers(config.logger, run_dir),
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
