"""The configuration of ``train.py``: known to Hydra, read back from a run folder, checked."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from neardup.config import check, register, to_config
from neardup.errors import ConfigError
from neardup.files import write_text
from neardup.training import config as c

CONFIG_FILE = "config.yaml"
DATA = {
    "procedural": c.ProceduralConfig,
    "folder": c.FolderConfig,
    "mixed": c.MixedConfig,
    "imagenette": c.ImagenetteConfig,
}
LOSS = {"contrastive": c.ContrastiveConfig, "triplet": c.TripletConfig, "ntxent": c.NTXentConfig}
CHANGEABLE = ("trainer.accelerator", "data.num_workers", "distill.teacher")
"""What a resumed run may do otherwise, because its figures do not depend on it. A teacher that was
moved must still be the same, which is checked when it is loaded."""


def register_schemas() -> None:
    """Call before ``hydra.main`` composes: the YAML files name these in their defaults lists."""
    register("schema", c.TrainConfig)
    register("schema_export", c.ExportConfig)
    for group, schemas in (("data", DATA), ("loss", LOSS)):
        for name, schema in schemas.items():
            register(f"schema_{name}", schema, group=group)
    resolvers: dict[str, Callable[..., Any]] = {
        "first": lambda *values: next(filter(None, values)),  # the first that is not empty
        "file_name": lambda text: text.replace("/", "_"),
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def from_hydra(cfg: DictConfig) -> c.TrainConfig:
    """The checked configuration of this job; with ``resume``, that of the run it goes on with.

    Raises:
        ConfigError: naming the key.
    """
    job = HydraConfig.get()
    config = _checked(cfg)
    if config.resume:
        return _resumed(Path(config.resume), list(job.overrides.task))
    config.run_dir = str(Path(job.runtime.output_dir).resolve())
    return _with_teacher_located(config)


def save(config: c.TrainConfig) -> None:
    """Write ``config.yaml`` into the run folder; the file is whole or absent, also when killed."""
    text = OmegaConf.to_yaml(OmegaConf.create(asdict(config)))
    write_text(Path(config.run_dir) / CONFIG_FILE, text)


def load(run_dir: Path) -> c.TrainConfig:
    """Read what :func:`save` wrote.

    Raises:
        ConfigError: no such file, or it is not a configuration of this version.
    """
    path = run_dir / CONFIG_FILE
    if not path.is_file():
        raise ConfigError(f"resume={run_dir}: holds no {CONFIG_FILE}; name a run folder")
    try:
        return from_plain(yaml.safe_load(path.read_text("utf-8")))
    except (ConfigError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error


def from_plain(plain: dict[str, Any]) -> c.TrainConfig:
    """A configuration from plain containers, as a run folder or a checkpoint holds them.

    Raises:
        ConfigError: naming the key.
    """
    try:
        data, loss = DATA[plain["data"]["name"]], LOSS[plain["loss"]["name"]]
        typed = OmegaConf.merge(
            OmegaConf.structured(c.TrainConfig(data=data(), loss=loss())), plain
        )
    except (TypeError, KeyError, OmegaConfBaseException) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"not a neardup training configuration: {reason}") from error
    assert isinstance(typed, DictConfig)
    return _checked(typed)


def _checked(cfg: DictConfig) -> c.TrainConfig:
    config = to_config(cfg, c.TrainConfig)
    check(config)
    batch = config.data.batch_size
    if batch % config.trainer.devices:
        raise ConfigError(
            f"data.batch_size={batch}: must be a multiple of"
            f" trainer.devices={config.trainer.devices}"
        )
    if 0 < config.loss.memory_size < 2 * batch:
        raise ConfigError(
            f"loss.memory_size={config.loss.memory_size}: must be 0 (off) or hold at least one"
            f" batch, {2 * batch} views (2 * data.batch_size)"
        )
    return config


def _resumed(run_dir: Path, overrides: list[str]) -> c.TrainConfig:
    own = OmegaConf.structured(load(run_dir))
    for override in overrides:
        key = override.lstrip("+~").split("=")[0]
        if key == "resume":
            continue
        if key not in CHANGEABLE:
            raise ConfigError(
                f"{key}: a resumed run keeps its configuration; leave this out"
                f" (only {', '.join(CHANGEABLE)} may change)"
            )
        own.merge_with_dotlist([override.lstrip("+")])
    config = _checked(own)
    config.run_dir = str(run_dir.resolve())
    config.resume = str(run_dir.resolve())
    return _with_teacher_located(config)


def _with_teacher_located(config: c.TrainConfig) -> c.TrainConfig:
    """``outputs/latest`` is the teacher's run now, and will be the student's."""
    if config.distill.teacher:
        config.distill.teacher = str(Path(config.distill.teacher).expanduser().resolve())
    return config
