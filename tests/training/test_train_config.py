"""``train.py`` refuses what it does not understand, wherever it stands, and names the key."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import OmegaConf, open_dict
from tiny import REPOSITORY, train_py

from neardup.errors import ConfigError
from neardup.training import schema
from neardup.training.config import ExportConfig, TrainConfig
from neardup.training.views import ViewMaker

CONFIGS = REPOSITORY / "configs"
GROUPS = ("data", "augment", "encoder", "loss", "optimizer", "trainer", "logger")
KINDS = {"ntxent_pooled": "ntxent"}
"""Choices that are another kind of the same name, with other values."""

Load = Callable[..., TrainConfig]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """What ``train.py`` does with its command line, without the training."""
    schema.register_schemas()

    def load(*overrides: str, configs: Path = CONFIGS) -> TrainConfig:
        search = f"hydra.searchpath=[{tmp_path}]"
        with initialize_config_dir(version_base="1.3", config_dir=str(configs)):
            cfg = compose("train", [search, *overrides], return_hydra_config=True)
        with open_dict(cfg):
            cfg.hydra.runtime.output_dir = str(tmp_path / "run")
        HydraConfig.instance().set_config(cfg)
        return schema.from_hydra(OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"]))

    yield load
    HydraConfig.instance().cfg = None


def own_values(file: Path) -> dict[str, Any]:
    content = yaml.safe_load(file.read_text()) or {}
    return {key: value for key, value in content.items() if key not in ("defaults", "hydra")}


def values_before(file: Path) -> dict[str, Any]:
    """What the keys of a file are by the dataclasses and the files it builds on."""
    schemas = {f"schema_{name}": kind for name, kind in (schema.DATA | schema.LOSS).items()}
    schemas |= {"schema": TrainConfig, "schema_export": ExportConfig}
    kind = {item.name: item.default_factory for item in fields(TrainConfig)}.get(file.parent.name)
    values: dict[str, Any] = {}
    content = yaml.safe_load(file.read_text()) or {}
    for name in filter(lambda entry: isinstance(entry, str), content.get("defaults", [])):
        if name in schemas:
            kind = schemas[name]
        elif name != "_self_":
            parent = file.with_name(f"{name}.yaml")
            values |= values_before(parent) | own_values(parent)
    return values or {item.name: item.default for item in fields(kind)}


FILES = [CONFIGS / "train.yaml", CONFIGS / "export.yaml"]
FILES += [file for group in GROUPS for file in sorted((CONFIGS / group).glob("*.yaml"))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_file_says_only_what_differs(file: Path) -> None:
    """So that a value stands in one place, and a default that changes changes everywhere."""
    before = values_before(file)
    assert own_values(file).keys() <= before.keys()
    for key, value in own_values(file).items():
        typed = (
            float(value) if isinstance(before[key], float) else value
        )  # PyYAML reads 1e-4 as text
        assert typed != before[key], key


def given(group: str) -> list[str]:
    return ["data.root=somewhere"] if group in ("data=folder", "data=mixed") else []


@pytest.mark.parametrize(
    "choice",
    [f"{group}={file.stem}" for group in GROUPS for file in sorted((CONFIGS / group).glob("*"))],
)
def test_every_choice_composes(load: Load, choice: str) -> None:
    group, name = choice.split("=")
    config = load(choice, *given(choice))
    if group in ("data", "loss", "logger", "optimizer"):
        assert getattr(config, group).name == KINDS.get(name, name)
    assert schema.from_plain(asdict(config)) == config


@pytest.mark.parametrize("name", [f.stem for f in sorted((CONFIGS / "experiment").glob("*.yaml"))])
def test_every_experiment_composes(load: Load, name: str) -> None:
    config = load(f"experiment={name}", "data.root=somewhere")
    assert schema.from_plain(asdict(config)) == config
    ViewMaker(config.augment, config.data.image_size)
    for loss in ("contrastive", "triplet", "ntxent"):
        assert load(f"experiment={name}", "data.root=somewhere", f"loss={loss}").loss.name == loss


def test_a_configuration_survives_its_file(load: Load, tmp_path: Path) -> None:
    config = load("loss=triplet", "loss.margin=0.25", "optimizer.lr=3e-4", "augment=strong")
    schema.save(config)
    assert schema.load(Path(config.run_dir)) == config
    assert Path(config.run_dir) == tmp_path / "run"


MISTAKES = [
    (["trainer.max_step=3"], "max_step"),
    (["loss=triplet", "loss.temperature=0.1"], "temperature"),
    (["dta=folder"], "dta"),
    (["loss=tripplet"], "tripplet"),
    (["+trainer.max_step=3"], "trainer.max_step"),
    (["++loss.margin=0.3"], "loss.margin"),
    (["+sed=3"], "sed"),
    (["+data.nested.deep=1"], "data.nested"),
    (["loss=triplet", "loss.margin=wide"], "margin"),
    (["trainer.max_steps=2.5"], "max_steps"),
    (["seed=null"], "seed"),
    (["trainer.max_steps=0"], "trainer.max_steps=0"),
    (["augment.max_zoom=0.5"], "augment.max_zoom=0.5"),
    (["augment.identity_share=1.5"], "augment.identity_share=1.5"),
    (["optimizer.lr=nan"], "optimizer.lr=nan"),
    (["loss=triplet", "loss.miner=hardest"], "loss.miner=hardest"),
    (["logger.mode=never"], "logger.mode=never"),
    (["data=folder"], "data.root"),
    (["distill.pair_weight=-1"], "distill.pair_weight=-1"),
    (["loss.memory_size=100"], "loss.memory_size=100"),
    (["data.batch_size=63", "trainer.devices=2"], "data.batch_size=63"),
]


@pytest.mark.parametrize(("overrides", "key"), MISTAKES, ids=lambda value: str(value))
def test_mistakes_on_the_command_line(load: Load, overrides: list[str], key: str) -> None:
    with pytest.raises((ConfigError, HydraException)) as caught:
        load(*overrides)
    assert key in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("trainer: {max_step: 3}", "max_step"),
        ("loss: {margin: 0.3}", "margin"),
        ("augment: {max_zoom: wide}", "max_zoom"),
        ("augment: {max_zoom: 0.5}", "augment.max_zoom=0.5"),
        ("sed: 3", "sed"),
    ],
)
def test_mistakes_in_an_experiment_file(load: Load, tmp_path: Path, text: str, key: str) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/wrong.yaml").write_text(f"# @package _global_\n{text}\n")
    with pytest.raises((ConfigError, HydraException)) as caught:
        load("experiment=wrong")
    assert key in f"{caught.value} {caught.value.__cause__}"


def test_resuming_keeps_the_configuration(load: Load, tmp_path: Path) -> None:
    schema.save(load("seed=5", "trainer.max_steps=9"))
    resume = f"resume={tmp_path / 'run'}"
    config = load(resume)
    assert (config.seed, config.trainer.max_steps) == (5, 9)
    assert load(resume, "data.num_workers=3").data.num_workers == 3
    for override in ("seed=5", "loss=triplet", "++trainer.max_steps=4", "run_dir=elsewhere"):
        with pytest.raises(ConfigError, match="a resumed run keeps its configuration"):
            load(resume, override)
    with pytest.raises(ConfigError, match=r"resume=.*nowhere: holds no config\.yaml"):
        load(f"resume={tmp_path / 'nowhere'}")
    with pytest.raises(ConfigError, match=r"data\.num_workers=-5"):
        load(resume, "data.num_workers=-5")


def test_the_teacher_is_the_run_that_is_latest_now(load: Load, tmp_path: Path) -> None:
    (tmp_path / "teacher").mkdir()
    (tmp_path / "latest").symlink_to("teacher")
    config = load(f"distill.teacher={tmp_path / 'latest'}")
    assert config.distill.teacher == str(tmp_path / "teacher")


def test_a_damaged_config_file_is_named(load: Load, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for text in ("", "just words", "{unclosed", "seed: 1", "data: {name: nothing}"):
        (tmp_path / "run/config.yaml").write_text(text)
        with pytest.raises(ConfigError, match=r"config"):
            load(f"resume={tmp_path / 'run'}")


def test_the_program_says_it_in_a_line_and_exits_with_2(tmp_path: Path) -> None:
    done = train_py(tmp_path, "+trainer.max_step=3", f"run_dir={tmp_path / 'run'}")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "error: trainer.max_step: no such key; did you mean 'max_steps'?"
    )


@pytest.mark.parametrize(
    ("argument", "meant"),
    [("trainer.max_step=3", "trainer.max_steps"), ("dta=folder", "data"),
     ("+loss.margn=1", "margin"), ("augment.max_zom=2", "augment.max_zoom")],
)  # fmt: skip
def test_a_misspelt_key_is_answered_with_the_one_that_was_meant(
    argument: str, meant: str, tmp_path: Path
) -> None:
    done = train_py(tmp_path, "loss=triplet", argument)
    assert done.returncode == 2
    assert meant in done.stderr.strip().splitlines()[-1]
    assert "did you mean" in done.stderr


def test_help_shows_choices_and_meanings_and_no_schemas(tmp_path: Path) -> None:
    done = train_py(tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    assert "loss=contrastive | ntxent | ntxent_pooled | triplet" in done.stdout
    assert "schema" not in done.stdout
    assert "largest zoom" in done.stdout
