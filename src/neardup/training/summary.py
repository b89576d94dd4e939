"""What a run leaves for people and programs: provenance, ``summary.json`` and the final table."""

import json
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from neardup.evaluation.measures.results import FamilyRow
from neardup.files import write_text
from neardup.training.callbacks.throughput import Throughput
from neardup.training.config import TrainConfig
from neardup.training.data.sources import Sources
from neardup.training.evaluation import TOO_FEW, Evaluation

FILE = "summary.json"
_PACKAGES = ("neardup", "torch", "timm", "pytorch-lightning", "pytorch-metric-learning")


def provenance(config: TrainConfig, weights: str, sources: Sources) -> dict[str, Any]:
    """Where an encoder comes from; plain values, for the checkpoint, the bundle and the summary."""
    warnings = []
    if weights.startswith("random"):
        warnings.append(f"trained from random weights, not from a pretrained backbone: {weights}")
    return {
        "initial_weights": weights,
        "data": sources.name,
        "sources": dict(sources.record),
        "backbone": config.encoder.backbone,
        "loss": asdict(config.loss),
        "seed": config.seed,
        "git_commit": _git_commit(),
        "versions": {"python": platform.python_version()} | _versions(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "warnings": warnings,
    }


def counts(record: dict[str, Any]) -> str:
    """How many images there are and how many were left out, in a line."""
    found = record["sources"]
    text = f"images: {found['train']} train, {found['val']} validation, {found['test']} test"
    if "files" in found:
        text += (
            f"; of {found['files']} files {found['skipped']} cannot be used and"
            f" {found['near_copies_left_out']} are near copies: see splits.json"
        )
    return text


def write(
    config: TrainConfig,
    record: dict[str, Any],
    throughput: Throughput,
    evaluations: Mapping[str, Evaluation],
    best_step: int,
) -> dict[str, Any]:
    """Write ``summary.json`` into the run folder and return it.

    ``evaluations`` are those of the encoder ``before`` and ``after`` training and of its
    ``teacher``, where it has one.
    """
    trained = evaluations["after"]
    result = {
        "steps": config.trainer.max_steps,
        "best_step": best_step,
        "images_seen": 2 * config.data.batch_size * config.trainer.max_steps,
        "training_seconds": round(throughput.seconds, 1),
        "images_per_second": round(throughput.images_per_second, 2),
        "data_wait_share": round(throughput.data_wait_share, 4),
        "threshold": trained.val.threshold,
        **trained.as_dict(),
        "untrained": evaluations["before"].as_dict(),
        **record,
    }
    if "teacher" in evaluations:
        result["teacher"] = {**record["teacher"], **evaluations["teacher"].as_dict()}
    write_text(Path(config.run_dir) / FILE, json.dumps(result, indent=2) + "\n")
    return result


def table(evaluations: Mapping[str, Evaluation]) -> Table:
    """The evaluations beside one another, a row per edit; precision where there are only two.

    More would not fit the 80 columns of a terminal.
    """
    thresholds = ", ".join(
        f"{evaluation.val.threshold:.3f} {name} ({evaluation.val.chosen})"
        for name, evaluation in evaluations.items()
    )
    title = f"Test images at the threshold chosen on validation: {thresholds}"
    drawn = Table(title=title, title_justify="left", show_edge=False)
    drawn.add_column("edit", no_wrap=True)
    measures = {"AP": "average_precision", "recall": "recall", "prec.": "precision"}
    if len(evaluations) > 2:
        del measures["prec."]
    for measure in measures:
        for name in evaluations:
            drawn.add_column(f"{measure}\n{name}", justify="right")
    for rows in zip(*(evaluation.rows for evaluation in evaluations.values()), strict=True):
        if rows[0].family == "all":
            drawn.add_section()
        cells = [_figure(row, field) for field in measures.values() for row in rows]
        drawn.add_row(rows[0].family, *cells)
    return drawn


def _figure(row: FamilyRow, field: str) -> str:
    """Three digits; a dash for the precision where no pair at all was called a duplicate."""
    nothing_called = row.recall == 0 and row.precision == 1
    return "-" if field == "precision" and nothing_called else f"{getattr(row, field):.3f}"


def doubtful_points(evaluation: Evaluation) -> list[str]:
    """The operating points that validation is too small for, each in a sentence."""
    return [
        f"{name} was chosen on {point.measured_on.split(': ', 1)[1].split(';')[0]}: {TOO_FEW} it;"
        " give more validation images, or measure it with eval.py write_thresholds=true"
        for name, point in evaluation.val.points.items()
        if TOO_FEW in point.measured_on
    ]


def next_commands(run_dir: Path) -> str:
    """What to type next."""
    here = Path.cwd()
    bundle = run_dir / "bundle"
    shown = bundle.relative_to(here) if bundle.is_relative_to(here) else bundle
    return f"next:\n  neardup compare A.jpg B.jpg --bundle {shown}\n  python eval.py bundle={shown}"


def _versions() -> dict[str, str]:
    """Of what a run depends on; a package that was not installed by pip has none."""
    found = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _git_commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()
