"""Configurations of runs that take seconds, for the tests of this directory."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from neardup.training.config import (
    AugmentConfig,
    DataConfig,
    DistillConfig,
    EncoderConfig,
    LoggerConfig,
    LossConfig,
    NTXentConfig,
    OptimizerConfig,
    ProceduralConfig,
    TrainConfig,
    TrainerConfig,
)
from neardup.training.run import train

REPOSITORY = Path(__file__).resolve().parents[2]
BACKBONE = "test_resnet"
STEPS, VAL_EVERY = 7, 3  # the last round is a partial one
BATCH = 8


def tiny_config(
    run_dir: Path,
    *,
    data: DataConfig | None = None,
    loss: LossConfig | None = None,
    distill: DistillConfig | None = None,
    logger: str = "csv",
    backbone: str = BACKBONE,
    lr: float = 1e-3,
    **trainer: Any,
) -> TrainConfig:
    """A complete configuration on generated pictures of 32 pixels."""
    return TrainConfig(
        seed=3,
        run_dir=str(run_dir),
        data=data or tiny_data(),
        augment=AugmentConfig(),
        encoder=EncoderConfig(backbone=backbone, weights="random", embedding_size=16),
        loss=loss or NTXentConfig(koleo_weight=0.1, memory_size=40),
        distill=distill or DistillConfig(),
        optimizer=OptimizerConfig(lr=lr),
        trainer=TrainerConfig(
            **{"max_steps": STEPS, "val_every": VAL_EVERY, "accelerator": "cpu", **trainer}
        ),
        logger=LoggerConfig(name=logger, mode="offline", log_every=1),
    )


def tiny_data(**changes: Any) -> ProceduralConfig:
    """Twenty pictures: a pass over them ends within a batch."""
    return ProceduralConfig(
        **{
            "image_size": 32,
            "batch_size": BATCH,
            "num_workers": 0,
            "cache": "ram",
            "max_val_images": 6,
            "max_test_images": 8,
            "num_images": 20,
            **changes,
        }
    )


def run_in(folder: Path, config: TrainConfig) -> dict[str, Any]:
    """Train with ``folder`` as the working directory, where ``outputs/latest`` appears."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        return train(config)


def train_py(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """``python train.py ...`` typed in ``folder``."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )


def command(*arguments: str) -> list[str]:
    """The command line of a tiny run; ``arguments`` come last and win."""
    return [sys.executable, str(REPOSITORY / "train.py"), *arguments]


def environment() -> dict[str, str]:
    """As a person's shell without a wandb login and without a network."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "PL_"))}
    return kept | {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline", "OMP_NUM_THREADS": "2"}


TINY = (
    "data.image_size=32",
    f"data.batch_size={BATCH}",
    "data.num_images=20",
    "data.max_val_images=6",
    "data.max_test_images=8",
    "data.cache=ram",
    f"encoder.backbone={BACKBONE}",
    "encoder.weights=random",
    "encoder.embedding_size=16",
    "trainer.accelerator=cpu",
    f"trainer.max_steps={STEPS}",
    f"trainer.val_every={VAL_EVERY}",
    "logger.log_every=1",
)
"""The same, on the command line."""
