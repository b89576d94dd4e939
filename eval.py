"""Evaluate an encoder: ``python eval.py [group=choice ...] [key=value ...]``; see the README."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hydra
from omegaconf import DictConfig

from neardup.bundle import Bundle
from neardup.config import exit_on_error, register, run_command, to_config
from neardup.errors import ConfigError
from neardup.evaluation import config as schema
from neardup.evaluation.config import EvalConfig, RunDataConfig
from neardup.evaluation.measures.robustness import read_training, trained_limits
from neardup.evaluation.methods import Method, encoder, perceptual_hash
from neardup.evaluation.protocols.choice import SPLITS_FILE, make_plan
from neardup.evaluation.protocols.plan import Pictures
from neardup.evaluation.report.outputs import summary
from neardup.evaluation.run import evaluate

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
        plan = make_plan(config, drawn_pictures(config, run, training))
        methods = [encoder("neardup", bundle, threads=config.threads or None)]
        methods += [baseline(name, config, bundle, Path(scratch)) for name in config.baselines]
        trained = training or bundle.provenance.get("config", {})
        limits = trained_limits(trained["augment"]) if "augment" in trained else None
        report = evaluate(config, plan, bundle, methods, trained_to=limits)
        print(summary(report))
        if config.logger == "wandb":
            from neardup.training.for_evaluation import log_to_wandb

            log_to_wandb(report, Path(config.out))


# Training is imported only where it is needed: a bundle and photos are evaluated without torch.


def open_bundle(config: EvalConfig, scratch: Path) -> tuple[Bundle, Path]:
    """The bundle, made from ``ckpt`` if that is given, and the run folder it came from."""
    if config.ckpt is None:
        return Bundle.load(config.bundle), Path(config.bundle).resolve().parent
    if config.write_thresholds:
        raise ConfigError("write_thresholds: a checkpoint holds no thresholds; name a bundle=")
    checkpoint = Path(config.ckpt)
    if not checkpoint.is_file():
        raise ConfigError(f"ckpt: {checkpoint} is not a file")
    from neardup.training.config import ExportConfig
    from neardup.training.export.export import export

    exported = export(ExportConfig(ckpt=config.ckpt, out=str(scratch / "bundle")))
    return exported, checkpoint.resolve().parent.parent


def drawn_pictures(config: EvalConfig, run: Path, training: dict[str, Any]) -> Pictures | None:
    """The run's test split, where that is asked for and was drawn instead of read from files."""
    if not isinstance(config.data, RunDataConfig) or (run / SPLITS_FILE).is_file():
        return None
    if training.get("data", {}).get("name") != "procedural":
        return None
    from neardup.training.for_evaluation import procedural_test_split

    return procedural_test_split(run, most=config.data.max_images)


def baseline(name: str, config: EvalConfig, bundle: Bundle, scratch: Path) -> Method:
    """A perceptual hash, or the encoder's network with random weights."""
    if name != "untrained":
        return perceptual_hash(name)
    from neardup.training.for_evaluation import untrained

    random = untrained(bundle, scratch / name, seed=config.seed)
    return encoder(name, random, threads=config.threads or None)


if __name__ == "__main__":
    run_command(main)
