"""Checkpoints that survive ``kill -9`` at any moment, and what is read back from them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from neardup.errors import ConfigError
from neardup.training.config import TrainConfig
from neardup.training.encoder import Encoder
from neardup.training.schema import from_plain
from neardup.training.weights import load_state

FOLDER = "checkpoints"
MONITOR = "val/average_precision"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames, so that a file is either the old or the new one."""

    def save_checkpoint(self, checkpoint: Any, path: Any, storage_options: Any = None) -> None:
        """Save ``checkpoint`` at ``path``."""
        draft = f"{path}.part"
        super().save_checkpoint(checkpoint, draft, storage_options)
        os.replace(draft, path)


def checkpoint_callbacks(run_dir: Path) -> list[ModelCheckpoint]:
    """Keep ``best.ckpt`` by validation average precision, and ``last.ckpt``, every round.

    Two, for Lightning's ``save_last`` writes only in the rounds that are the best so far.
    """
    best, last = (
        ModelCheckpoint(
            dirpath=run_dir / FOLDER,
            filename=name,
            monitor=monitor,
            mode="max",
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        for name, monitor in (("best", MONITOR), ("last", None))
    )
    return [best, last]  # so that the last one knows the best


def last_checkpoint(run_dir: Path) -> Path | None:
    """Where a resumed run goes on; None when the run died before its first checkpoint."""
    path = run_dir / FOLDER / "last.ckpt"
    return path if path.is_file() else None


def best_checkpoint(run_dir: Path) -> Path:
    """The checkpoint of the round with the best validation."""
    return run_dir / FOLDER / "best.ckpt"


def load_checkpoint(path: Path) -> tuple[Encoder, TrainConfig, dict[str, Any]]:
    """The encoder of a checkpoint, its configuration, and what :func:`read_checkpoint` gives.

    Raises:
        ConfigError: missing, unreadable, or not one of ours.
    """
    record, state = read_checkpoint(path)
    config = from_plain(record["config"])
    encoder = Encoder(config.encoder, image_size=config.data.image_size)
    load_state(encoder, state, path)
    return encoder.eval(), config, record


def read_checkpoint(path: Path) -> tuple[dict[str, Any], Mapping[str, Tensor]]:
    """What a checkpoint says of itself, and its tensors, which leave the disk when they are used.

    Returns:
        ``config`` and ``provenance`` as recorded when its run began, ``steps`` done when it was
        saved; and the state of the Lightning module.

    Raises:
        ConfigError: missing, unreadable, or not one of ours.
    """
    if not path.is_file():
        raise ConfigError(f"ckpt={path}: no such file")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        recorded = checkpoint["hyper_parameters"]
        record = {name: recorded[name] for name in ("config", "provenance")}
        return record | {"steps": checkpoint["global_step"]}, checkpoint["state_dict"]
    except Exception as error:  # unpickling has errors of every kind
        raise ConfigError(
            f"{path}: damaged, or not a neardup checkpoint ({type(error).__name__})"
        ) from error
