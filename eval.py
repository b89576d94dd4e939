"""Evaluate an encoder: ``python eval.py [group=choice ...] [key=value ...]``; see the README."""

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hydra
import yaml
from omegaconf import DictConfig

from neardup.bundle import Bundle
from neardup.errors import ConfigError
from neardup.evaluation import config as schema
from neardup.evaluation.config import EvalConfig, RunDataConfig
from neardup.evaluation.method import Method, encoder, perceptual_hash
from neardup.evaluation.plan import Pictures
from neardup.evaluation.plans import SPLITS_FILE, make_plan
from neardup.evaluation.run import evaluate
from neardup.evaluation.training_limits import trained_limits
from neardup.hydra_config import exit_on_error, register, run_command, to_config

register("schema", EvalConfig)
register("schema_pairs", schema.PairsConfig, group="protocol")
register("schema_groups", schema.GroupsConfig, group="protocol")
register("schema_retrieval", schema.RetrievalConfig, group="protocol")
register("schema_run", schema.RunDataConfig, group="data")
register("schema_folder", schema.FolderDataConfig, group="data")


@hydra.main(version_base="1.3", config_path="configs/evaluation", config_name="eval")
def main(cfg: DictConfig) -> None:
    """Compose, check, evaluate."""
    with exit_on_error(), TemporaryDirectory() as scratch:
        config = to_config(cfg, EvalConfig)
        bundle, run = open_bundle(config, Path(scratch))
        if isinstance(config.data, RunDataConfig):
            run = Path(config.data.run or run)
            config.data.run = str(run)
        training = read_training(run)
        plan = make_plan(config, procedural_test_split(config, run, training))
        threads = config.threads or None
        methods = [encoder("neardup", bundle, threads=threads)]
        methods += [baseline(name, config, bundle, Path(scratch)) for name in config.baselines]
        limits = trained_limits(training["augment"]) if "augment" in training else None
        report = evaluate(config, plan, bundle, methods, trained_to=limits)
        log(config, report)
        print_summary(config, report)


def open_bundle(config: EvalConfig, scratch: Path) -> tuple[Bundle, Path]:
    """The bundle, made from ``ckpt`` if that is given, and the run folder it came from."""
    if config.ckpt is None:
        return Bundle.load(config.bundle), Path(config.bundle).resolve().parent
    if config.write_thresholds:
        raise ConfigError("write_thresholds: a checkpoint holds no thresholds; name a bundle=")
    checkpoint = Path(config.ckpt)
    if not checkpoint.is_file():
        raise ConfigError(f"ckpt: {checkpoint} is not a file")
    from neardup.training.export import export_bundle

    return export_bundle(checkpoint, scratch / "bundle"), checkpoint.resolve().parent.parent


def read_training(run: Path) -> dict[str, Any]:
    """The configuration of the training run, empty if the bundle stands alone."""
    path = run / "config.yaml"
    return dict(yaml.safe_load(path.read_text())) if path.is_file() else {}


@dataclass(frozen=True)
class Procedural:
    """The test split of a run on procedural pictures, drawn again."""

    names: tuple[str, ...]
    source: Any

    def load(self, index: int) -> Any:
        return self.source[index]


def procedural_test_split(
    config: EvalConfig, run: Path, training: dict[str, Any]
) -> Pictures | None:
    """None where the run has files, or the evaluation asks for others."""
    data = training.get("data", {})
    if not isinstance(config.data, RunDataConfig) or (run / SPLITS_FILE).is_file():
        return None
    if data.get("name") != "procedural":
        return None
    from neardup.training.data.sources import load_sources
    from neardup.training.schema import load

    test = load_sources(load(run).data, show=False).test
    count = min(len(test), config.data.max_images)
    return Procedural(tuple(f"procedural {i}" for i in range(count)), test)


def baseline(name: str, config: EvalConfig, bundle: Bundle, scratch: Path) -> Method:
    """A perceptual hash, or the encoder's network with random weights."""
    if name != "untrained":
        return perceptual_hash(name)
    import torch

    from neardup.training.bundle_writer import write_bundle
    from neardup.training.config import EncoderConfig
    from neardup.training.encoder import Encoder

    torch.manual_seed(config.seed)
    network = EncoderConfig(
        backbone=bundle.backbone, embedding_size=bundle.embedding_size, weights="random"
    )
    random = write_bundle(
        Encoder(network),
        network,
        scratch / "untrained",
        image_size=bundle.image_size,
        operating_points={},
        default_at="",
        provenance={},
    )
    return encoder(name, random, threads=config.threads or None)


def log(config: EvalConfig, report: dict[str, Any]) -> None:
    """Send figures to wandb, offline unless a login is there."""
    if config.logger != "wandb":
        return
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb

    mode = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
    out = Path(config.out)
    numbers = {k: v for k, v in report["headline"].items() if v is not None}
    with wandb.init(
        project="neardup", job_type="eval", config=report["config"], dir=out, mode=mode
    ) as run:
        pictures = sorted((out / "figures").glob("*.png"))
        page = wandb.Html((out / "report.html").read_text(), inject=False)
        run.log(
            {f"eval/{name}": value for name, value in numbers.items()}
            | {f"eval/{path.stem}": wandb.Image(str(path)) for path in pictures}
            | {"eval/report": page}
        )


def print_summary(config: EvalConfig, report: dict[str, Any]) -> None:
    """What a person at the terminal wants to know."""
    print(f"\n{report['verdict']}\n")
    for name, point in report["operating_points"].items():
        if point["threshold"] is None:
            print(f"  {name:<18} no threshold reaches it")
        else:
            print(
                f"  {name:<18} distance <= {point['threshold']:.4f}  "
                f"precision {point['precision']:.4f}  recall {point['recall']:.4f}"
            )
    for text in report["warnings"]:
        print(f"  warning: {text}")
    if "stored" in report:
        print(f"  stored in {config.bundle}: {', '.join(report['stored'])}")
    print(f"\nreport: {Path(config.out) / 'report.html'}")


if __name__ == "__main__":
    run_command(main)
