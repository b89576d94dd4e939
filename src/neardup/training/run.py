"""A training run, from configuration to verdict and bundle."""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console

from neardup.training import schema, summary
from neardup.training.build import build_data, build_module, build_trainer
from neardup.training.bundle_writer import write_bundle
from neardup.training.checkpoints import (
    best_checkpoint,
    checkpoint_callback,
    checkpoint_step,
    last_checkpoint,
    load_checkpoint,
)
from neardup.training.collapse import CollapseAlarm
from neardup.training.config import TrainConfig
from neardup.training.dashboard import Dashboard
from neardup.training.data.sources import Sources, load_sources
from neardup.training.embed import TorchEmbedder
from neardup.training.encoder import Encoder
from neardup.training.throughput import Throughput
from neardup.training.validation import Validation
from neardup.training.verdict import Verdict, judge
from neardup.training.weights import initial_encoder

console = Console(stderr=True)


def train(config: TrainConfig) -> dict[str, Any]:
    """Train, judge on the test split, export a bundle.

    Returns:
        What ``summary.json`` holds; empty on all processes but the first.

    Raises:
        NeardupError: anything the user can put right.
    """
    _quieten()
    run_dir = Path(config.run_dir)
    first_process = bool(rank_zero_only(lambda: True)())  # the others get None
    if first_process:
        schema.save(config)
        _point_latest_at(run_dir)
        console.print(f"run folder: {run_dir}", soft_wrap=True, highlight=False)
    pl.seed_everything(config.seed, verbose=False)
    sources = load_sources(
        config.data, max_zoom=config.augment.max_zoom, run_dir=run_dir, show=first_process
    )
    encoder, origin = initial_encoder(config.encoder, config.data.image_size)
    record = summary.provenance(config, origin, sources)

    throughput = Throughput(config.trainer.max_steps)
    dashboard = Dashboard(run_dir)
    checkpoint = last_checkpoint(run_dir) if config.resume else None
    trainer = build_trainer(
        config,
        [
            throughput,
            CollapseAlarm(config.trainer.collapse_patience),
            Validation(sources.val, config.data.image_size, console=console),
            dashboard,
            checkpoint_callback(run_dir),
        ],
        resume_step=checkpoint_step(checkpoint) if checkpoint else None,
    )
    device = trainer.strategy.root_device
    untrained = _judge(encoder.to(device), config, sources) if first_process else None
    trainer.fit(
        build_module(config, encoder, record),
        build_data(config, sources),
        ckpt_path=checkpoint,
        weights_only=True,
    )
    if untrained is None:
        return {}

    encoder, _, saved = load_checkpoint(best_checkpoint(run_dir))
    trained = _judge(encoder.to(device), config, sources)
    dashboard.show_verdict(trainer, untrained, trained, sources.test)
    write_bundle(
        encoder,
        config.encoder,
        run_dir / "bundle",
        image_size=config.data.image_size,
        operating_points=trained.val.points,
        default_at=trained.val.default_at,
        provenance=record | {"steps": saved["steps"]},
    )
    result = summary.write(config, record, throughput, untrained, trained, saved["steps"])
    console.print(summary.table(untrained, trained))
    console.print(summary.next_commands(run_dir), soft_wrap=True, highlight=False)
    _finish_dashboards(trainer)
    return result


def _judge(encoder: Encoder, config: TrainConfig, sources: Sources) -> Verdict:
    embed = TorchEmbedder(encoder, config.data.image_size)
    return judge(sources.val, sources.test, embed, data=sources.name)


def _point_latest_at(run_dir: Path) -> None:
    """``outputs/latest`` is the newest run, wherever its folder is."""
    link = Path("outputs/latest")
    link.parent.mkdir(exist_ok=True)
    draft = link.with_name(f".latest.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(os.path.relpath(run_dir, link.parent.resolve()), target_is_directory=True)
    os.replace(draft, link)


def _finish_dashboards(trainer: Trainer) -> None:
    """wandb would log a second run of this process into the first."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def _quieten() -> None:
    """No advice on choices made deliberately, no small talk from the exporter."""
    for name in ("pytorch_lightning", "onnxscript", "onnx_ir", "torch.onnx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (".*does not have many workers.*", ".*smaller than the logging interval.*"):
        warnings.filterwarnings("ignore", message=message)
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
