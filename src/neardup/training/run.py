"""A training run, from configuration to evaluation and bundle."""

import logging
import math
import os
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console

from neardup.errors import ConfigError, NeardupError
from neardup.training import schema, summary
from neardup.training.callbacks.collapse import Alarm
from neardup.training.callbacks.dashboard import (
    Dashboard,
    dashboard_loggers,
    finish_dashboards,
)
from neardup.training.callbacks.metrics_csv import MetricsCSV
from neardup.training.callbacks.throughput import Throughput
from neardup.training.callbacks.validation import Validation
from neardup.training.checkpoints import (
    AtomicCheckpointIO,
    best_checkpoint,
    checkpoint_callbacks,
    last_checkpoint,
    load_checkpoint,
    read_checkpoint,
)
from neardup.training.config import TrainConfig
from neardup.training.data.datamodule import PairDataModule, find_look_alikes
from neardup.training.data.sources import Sources, load_sources
from neardup.training.encoder import Encoder, TorchEmbedder
from neardup.training.evaluation import Evaluation, evaluate
from neardup.training.export.bundle_writer import write_bundle
from neardup.training.module import SiameseModule
from neardup.training.on_cpu import keep_freed_memory
from neardup.training.teacher import load_teacher
from neardup.training.weights import initial_encoder

console = Console(stderr=True)
log = logging.getLogger(__name__)


def train(config: TrainConfig) -> dict[str, Any]:
    """Train, evaluate on the test split, export a bundle.

    Returns:
        What ``summary.json`` holds; empty on all processes but the first.

    Raises:
        NeardupError: anything the user can put right.
    """
    _quieten()
    keep_freed_memory()
    run_dir = Path(config.run_dir)
    first_process = bool(rank_zero_only(lambda: True)())  # the others get None
    checkpoint = last_checkpoint(run_dir) if config.resume else None
    begun = read_checkpoint(checkpoint)[0] if checkpoint else None
    teacher = load_teacher(config.distill, config.encoder.embedding_size)
    if teacher and begun:
        teacher.require(begun["provenance"].get("teacher"))
    resume_step = begun["steps"] if begun else None
    if first_process:
        _begin(config, resume_step)
    # As large as either needs: the student sees a small view, the teacher the same view whole.
    view_size = max(config.data.image_size, teacher.image_size if teacher else 0)
    pl.seed_everything(config.seed, verbose=False)
    sources = load_sources(
        config.data,
        max_zoom=config.augment.max_zoom,
        view_size=view_size,
        run_dir=run_dir,
        show=first_process,
    )
    sources.decode("train", "val", "test")
    encoder, origin = initial_encoder(config.encoder, config.data.image_size, sources.train)
    record = summary.provenance(config, origin, sources)
    if teacher:
        record["teacher"] = teacher.record
    if first_process:
        _say(summary.counts(record))
        if teacher:
            _say("teacher: {backbone} of run {name}, {steps} steps".format(**teacher.record))
    before = _latest()
    if first_process:
        _point_latest_at(run_dir)  # here, so that a run refused for a wrong value is not the latest

    throughput = Throughput(config.trainer.max_steps)
    dashboard = Dashboard(run_dir)
    trainer = build_trainer(
        config,
        [
            throughput,
            Alarm(config.trainer.collapse_patience),
            Validation(
                sources.val,
                config.data.size_at_inference,
                at_most=config.data.max_val_images,
                console=console,
            ),
            dashboard,
            *checkpoint_callbacks(run_dir),
        ],
        resume_step=resume_step,
    )
    device = trainer.strategy.root_device
    size = config.data.size_at_inference
    untrained = _evaluate(encoder.to(device), size, sources) if first_process else None
    look_alikes = None
    if count := config.data.look_alikes:
        look_alikes = find_look_alikes(encoder, sources.train, size, count=count)
    try:
        trainer.fit(
            SiameseModule(config, encoder, record, teacher),
            PairDataModule(config, sources.train, view_size, look_alikes),
            ckpt_path=checkpoint,
            weights_only=True,
        )
    except NeardupError:  # collapsed or diverged: nothing to go on with
        if first_process and before:
            _point_latest_at(before)
        raise
    except SystemExit:  # what Lightning makes of Ctrl-C
        _say(f"stopped; python train.py resume={run_dir} goes on from the last validation")
        raise
    if untrained is None:
        return {}

    encoder, _, saved = load_checkpoint(best_checkpoint(run_dir))
    evaluations = {"before": untrained, "after": _evaluate(encoder.to(device), size, sources)}
    if teacher:
        its_encoder = teacher.encoder.to(device)
        evaluations["teacher"] = _evaluate(its_encoder, teacher.size_at_inference, sources)
    trained = evaluations["after"]
    for doubt in summary.doubtful_points(trained):
        record["warnings"].append(doubt)
        log.warning("%s", doubt)
    dashboard.show_evaluations(trainer, evaluations, sources.test)
    write_bundle(
        encoder,
        config.encoder,
        run_dir / "bundle",
        image_size=size,
        operating_points=trained.val.points,
        default_at=trained.val.chosen,
        provenance=record | {"steps": saved["steps"], "config": asdict(config)},
    )
    result = summary.write(config, record, throughput, evaluations, saved["steps"])
    console.print(summary.table(evaluations))
    _say(summary.next_commands(run_dir))
    finish_dashboards(trainer)
    return result


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


def _begin(config: TrainConfig, resume_step: int | None) -> None:
    """Take the run folder, unless it is another run's."""
    run_dir = Path(config.run_dir)
    if last_checkpoint(run_dir) and not config.resume:
        raise ConfigError(
            f"run_dir={run_dir}: holds a run; name another folder, or go on with resume={run_dir}"
        )
    schema.save(config)
    _say(f"run folder: {run_dir}")
    if config.resume:
        _say(f"going on after step {resume_step}" if resume_step else "nothing saved yet: starting")


def _say(text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def _evaluate(encoder: Encoder, image_size: int, sources: Sources) -> Evaluation:
    embed = TorchEmbedder(encoder, image_size)
    return evaluate(sources.val, sources.test, embed, data=sources.name)


LATEST = Path("outputs/latest")
"""The newest run that did not fail, wherever its folder is."""


def _latest() -> Path | None:
    return LATEST.resolve() if LATEST.is_dir() else None


def _point_latest_at(run_dir: Path) -> None:
    link = LATEST
    link.parent.mkdir(exist_ok=True)
    draft = link.with_name(f".latest.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(os.path.relpath(run_dir, link.parent.resolve()), target_is_directory=True)
    os.replace(draft, link)


def _quieten() -> None:
    """No advice on choices made deliberately."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*smaller than the logging interval.*",
        ".*in eval mode at the start of training.*",  # frozen stages
    ):
        warnings.filterwarnings("ignore", message=message)
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
