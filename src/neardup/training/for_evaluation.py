"""What an evaluation takes from training; see :class:`neardup.evaluation.run.Training`."""

import os
from pathlib import Path
from typing import Any

import torch

from neardup.bundle import Bundle
from neardup.errors import ConfigError
from neardup.evaluation.protocols.dataset import InMemory
from neardup.training.config import EncoderConfig, ExportConfig, ProceduralConfig
from neardup.training.data.sources import load_sources
from neardup.training.encoder import Encoder
from neardup.training.export.bundle_writer import write_bundle
from neardup.training.export.export import export
from neardup.training.schema import load


def bundle_of_checkpoint(checkpoint: Path, folder: Path) -> Bundle:
    """Make a bundle in ``folder``; for what is raised see :func:`export`."""
    return export(ExportConfig(ckpt=str(checkpoint), out=str(folder)))


def procedural_test_split(run: Path, *, most: int) -> InMemory | None:
    """The test split of a run on procedural pictures, drawn again; None where the run has files.

    Args:
        run: the run folder.
        most: pictures, at most.

    Raises:
        ConfigError: the run folder is damaged.
    """
    data = load(run).data
    if not isinstance(data, ProceduralConfig):
        return None
    test = load_sources(data, show=False).test
    return InMemory([f"procedural {i}" for i in range(min(len(test), most))], test)


def untrained(bundle: Bundle, folder: Path, *, seed: int) -> Bundle:
    """A bundle in ``folder`` with the network of another, its weights random."""
    torch.manual_seed(seed)
    config = EncoderConfig(
        backbone=bundle.backbone, embedding_size=bundle.embedding_size, weights="random"
    )
    return write_bundle(
        Encoder(config, image_size=bundle.image_size),
        config,
        folder,
        image_size=bundle.image_size,
        operating_points={},
        default_at="",
        provenance={},
    )


def log_to_wandb(report: dict[str, Any], folder: Path) -> None:
    """Log the headline figures, the pictures and the page; offline unless a login is there.

    Args:
        report: what ``report.json`` holds.
        folder: where the evaluation wrote its files; the offline run goes there too.

    Raises:
        ConfigError: wandb is not installed.
    """
    os.environ.setdefault("WANDB_SILENT", "true")
    try:
        import wandb
    except ImportError as error:
        raise ConfigError("logger=wandb: needs the package wandb; pip install wandb") from error
    mode = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
    numbers = {name: value for name, value in report["headline"].items() if value is not None}
    with wandb.init(
        project="neardup",
        job_type="eval",
        config=report["config"],
        dir=folder,
        mode=mode,  # type: ignore[arg-type]
    ) as run:
        pictures = sorted((folder / "figures").glob("*.png"))
        page = wandb.Html((folder / "report.html").read_text(), inject=False)
        run.log(
            {f"eval/{name}": value for name, value in numbers.items()}
            | {f"eval/{path.stem}": wandb.Image(str(path)) for path in pictures}
            | {"eval/report": page}
        )
