"""A mistake in a configuration is refused with its key, wherever it stands."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import MISSING, OmegaConf

from neardup.config import exit_on_error, register, to_config
from neardup.errors import ConfigError


@dataclass(slots=True, kw_only=True)
class LossConfig:
    scale: float = 1.0


@dataclass(slots=True, kw_only=True)
class ContrastiveConfig(LossConfig):
    positive_margin: float = 0.0


@dataclass(slots=True, kw_only=True)
class TripletConfig(LossConfig):
    margin: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.margin <= 2:
            raise ConfigError(f"margin: {self.margin} is not in (0, 2]")


@dataclass(slots=True, kw_only=True)
class TrainerConfig:
    max_steps: int = 10
    precision: str = "32"

    def __post_init__(self) -> None:
        if self.precision not in ("32", "bf16"):
            raise ConfigError(f"precision: {self.precision!r} is not one of 32, bf16")


@dataclass(slots=True, kw_only=True)
class AppConfig:
    seed: int = 0
    root: str = MISSING
    baselines: list[str] = field(default_factory=list)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    loss: LossConfig = field(default_factory=LossConfig)


FILES = {
    "app.yaml": "defaults: [schema, loss: triplet, _self_]\nroot: somewhere\n",
    "loss/triplet.yaml": "defaults: [schema_triplet, _self_]\nmargin: 0.3\n",
    "loss/contrastive.yaml": "defaults: [schema_contrastive, _self_]\n",
    "experiment/good.yaml": "# @package _global_\ntrainer: {max_steps: 3}\n",
    "experiment/typo.yaml": "# @package _global_\ntrainer: {max_epoch: 3}\n",
    "experiment/wrong_type.yaml": "# @package _global_\nloss: {margin: abc}\n",
    "untyped.yaml": "root: somewhere\ntrainer: {max_epoch: 3}\n",
}


@pytest.fixture
def load(tmp_path: Path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    register("schema", AppConfig)
    register("schema_triplet", TripletConfig, group="loss")
    register("schema_contrastive", ContrastiveConfig, group="loss")

    def load(*overrides: str, name: str = "app") -> AppConfig:
        with initialize_config_dir(version_base="1.3", config_dir=str(tmp_path)):
            return to_config(compose(name, overrides=list(overrides)), AppConfig)

    return load


def test_good_values_arrive_as_plain_dataclasses(load) -> None:
    config = load("trainer.max_steps=7", "baselines=[phash,dhash]")
    assert config.trainer == TrainerConfig(max_steps=7)
    assert config.baselines == ["phash", "dhash"]
    assert type(config.baselines) is list
    assert load("+experiment=good").trainer.max_steps == 3


def test_group_choice_selects_the_subclass(load) -> None:
    assert load().loss == TripletConfig(margin=0.3)
    assert load("loss.margin=0.5").loss == TripletConfig(margin=0.5)
    assert load("loss=contrastive").loss == ContrastiveConfig()


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["trainer.max_epoch=3"], "max_epoch"),
        (["+trainer.max_epoch=3"], "trainer.max_epoch"),
        (["++trainer.max_step=3"], "did you mean 'max_steps'"),
        (["+experiment=typo"], "max_epoch"),
        (["+experiment=wrong_type"], "margin"),
        (["loss.margin=abc"], "margin"),
        (["seed=1.5"], "seed"),
        (["seed=null"], "seed"),
        (["+swap=true"], "swap: no such key"),
        (["loss=contrastive", "+loss.margin=0.1"], "loss.margin: no such key"),
        (["loss.margin=3"], "loss.margin: 3.0 is not in"),
        (["trainer.precision=16"], "trainer.precision: '16' is not one of"),
        (["root=???"], "root: no value given"),
    ],
)
def test_mistakes_are_refused_naming_the_key(load, overrides: list[str], key: str) -> None:
    with pytest.raises((ConfigError, HydraException)) as caught:
        load(*overrides)
    messages = f"{caught.value} {caught.value.__cause__}"
    assert key in messages


def test_a_file_without_schema_is_checked_all_the_same(load) -> None:
    with pytest.raises(ConfigError, match=r"trainer\.max_epoch: no such key"):
        load(name="untyped")
    with pytest.raises(ConfigError, match="seed: Value 'x'"):
        to_config(OmegaConf.create({"root": "a", "seed": "x"}), AppConfig)


def test_errors_become_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, exit_on_error():
        raise ConfigError("loss.margin: too large")
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: loss.margin: too large\n"
