"""The teacher of a distillation: a trained encoder whose embeddings another learns to reproduce.

Hinton, Vinyals & Dean 2015 had a small network imitate the outputs of a large one; Romero et al.
2015 (FitNets) its features, by squared L2 distance; Budnik & Avrithis 2021 ("regression") the
embeddings that images are compared by, which is what is done here. As in Suma & Tolias 2023 the
teacher sees the same view at its own, possibly larger, size.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from neardup.bundle import DESCRIPTION_FILE, ENCODER_FILE, WEIGHTS_FILE, Bundle
from neardup.errors import BundleError, ConfigError
from neardup.files import content_hash
from neardup.training.checkpoints import best_checkpoint, load_checkpoint
from neardup.training.config import DistillConfig, TrainConfig
from neardup.training.encoder import Encoder, squash
from neardup.training.schema import from_plain
from neardup.training.weights import load_weights


class Teacher:
    """A frozen encoder in evaluation mode.

    Not a ``Module``, so that it is part of no optimizer, checkpoint or gradient exchange: each
    process holds its own.

    Args:
        encoder: as it was trained.
        config: of the run that trained it.
        file: its weights.
        steps: after how many steps.

    Attributes:
        image_size: side of the images it was trained on, pixels; those it gives targets for.
        size_at_inference: side of the images it is judged on, pixels.
        record: name of the run, backbone, steps, and the file's sha256; for the provenance.
    """

    def __init__(self, encoder: Encoder, config: TrainConfig, *, file: Path, steps: int) -> None:
        self.encoder = encoder.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.image_size = config.data.image_size
        self.size_at_inference = config.data.size_at_inference
        self.record: dict[str, Any] = {
            "name": Path(config.run_dir).name,
            "backbone": config.encoder.backbone,
            "steps": steps,
            "sha256": content_hash(file),
        }

    def __call__(self, views: Tensor) -> Tensor:
        """What the student's embeddings should be.

        Args:
            views: (B, S, S, 3) uint8 RGB, shrunk or enlarged to ``image_size`` where S is another.

        Returns:
            (B, D) of unit norm, without a gradient, where ``views`` are.
        """
        if self.encoder.mean.device != views.device:
            self.encoder.to(views.device)
        with torch.no_grad():
            return cast(Tensor, self.encoder(squash(views, self.image_size)))

    def require(self, recorded: Mapping[str, Any] | None) -> None:
        """Make sure that a run which goes on has the teacher it began with.

        Raises:
            ConfigError: ``recorded`` is another's record.
        """
        if recorded != self.record:
            raise ConfigError(
                f"distill.teacher: this run began with another ({recorded}, not {self.record});"
                " put that one back, or begin a new run"
            )


def load_teacher(config: DistillConfig, embedding_size: int) -> Teacher | None:
    """The teacher, from a run folder (its best checkpoint), a checkpoint or a bundle.

    Args:
        config: where it is.
        embedding_size: of the student.

    Returns:
        None where there is to be none.

    Raises:
        ConfigError: it is missing, damaged, or has embeddings of another size; names the key.
    """
    if not config.teacher:
        return None
    path = Path(config.teacher).expanduser()
    try:
        teacher = _read(path)
    except (BundleError, ConfigError) as error:
        raise ConfigError(
            f"distill.teacher={path}: {error}; name a run folder of train.py, a checkpoint of it,"
            " or a bundle"
        ) from error
    its_size = teacher.encoder.project.out_features
    if embedding_size != its_size:
        raise ConfigError(
            f"encoder.embedding_size={embedding_size}: must be {its_size}, as that of"
            f" distill.teacher={path}, whose embeddings are to be reproduced"
        )
    return teacher


def _read(path: Path) -> Teacher:
    if not (path / DESCRIPTION_FILE).is_file():
        file = best_checkpoint(path) if path.is_dir() else path
        encoder, config, record = load_checkpoint(file)
        return Teacher(encoder, config, file=file, steps=record["steps"])
    provenance = Bundle.load(path).provenance
    if not {"config", "steps"} <= provenance.keys():
        raise BundleError("the bundle does not say how it was trained")
    config = from_plain(provenance["config"])
    encoder = Encoder(config.encoder, image_size=config.data.image_size)
    load_weights(encoder, path)
    file = path / (WEIGHTS_FILE if (path / WEIGHTS_FILE).exists() else ENCODER_FILE)
    return Teacher(encoder, config, file=file, steps=provenance["steps"])


def distillation(embeddings: Tensor, targets: Tensor) -> Tensor:
    """The mean squared L2 distance to the teacher, in [0, 4]; of unit vectors, 2 - 2 cos.

    Args:
        embeddings: (B, D) of unit norm, the student's.
        targets: (B, D) of unit norm, the teacher's, of the same views.
    """
    return (embeddings.float() - targets.float()).square().sum(dim=1).mean()
