"""A run that died goes on and ends with the figures of an unbroken one, to the last bit (CPU)."""

import csv
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Callback
from pytorch_lightning.plugins.io import TorchCheckpointIO
from tiny import STEPS, TINY, command, environment, run_in, tiny_config, tiny_data, train_py

from neardup.errors import ConfigError
from neardup.training import run, schema
from neardup.training.callbacks.collapse import Alarm
from neardup.training.checkpoints import (
    AtomicCheckpointIO,
    last_checkpoint,
    load_checkpoint,
    read_checkpoint,
)
from neardup.training.config import TrainConfig


class Crash(BaseException):
    """What nothing catches, standing in for the end of the process."""


@pytest.fixture
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The export takes longer than the run."""
    monkeypatch.setattr(run, "write_bundle", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "write_bundle", lambda *args, **kwargs: None)
        folder = tmp_path_factory.mktemp("unbroken")
        run_in(folder, tiny_config(folder / "run"))
    return folder / "run"


def rows(run_dir: Path) -> list[dict[str, str]]:
    """``metrics.csv`` without the clock's columns."""
    with (run_dir / "metrics.csv").open(newline="") as file:
        return [
            {name: value for name, value in row.items() if not name.startswith("speed/")}
            for row in csv.DictReader(file)
        ]


def state(run_dir: Path, name: str = "last") -> dict[str, torch.Tensor]:
    path = run_dir / "checkpoints" / f"{name}.ckpt"
    return torch.load(path, weights_only=True)["state_dict"]


def assert_same_run(run_dir: Path, expected: Path) -> None:
    assert rows(run_dir) == rows(expected)
    assert read_checkpoint(run_dir / "checkpoints/last.ckpt")[0]["steps"] == STEPS
    for name in ("last", "best"):
        found, wanted = state(run_dir, name), state(expected, name)
        for key, value in wanted.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(found[key], value), key
            else:
                assert found[key] == value, key


def crash_at(step: int, config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train until ``step`` steps are done, and die."""

    def on_train_batch_end(self: Callback, trainer, pl_module, *args: object) -> None:
        if trainer.global_step == step:
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Alarm, "on_train_batch_end", on_train_batch_end)
        with pytest.raises(Crash):
            run_in(Path(config.run_dir).parent, config)


def go_on(run_dir: Path) -> dict[str, object]:
    return run_in(run_dir.parent, replace(schema.load(run_dir), resume=str(run_dir)))


def test_every_step_is_logged_once(unbroken: Path) -> None:
    found = rows(unbroken)
    assert [int(row["step"]) for row in found] == list(range(STEPS))
    validated = [int(row["step"]) for row in found if row["val/average_precision"]]
    assert validated == [2, 5, 6]  # the last round is short, and counts


@pytest.mark.usefixtures("no_bundle")
@pytest.mark.parametrize("step", [1, 3, 4, 7])
def test_a_crash_at_any_step_changes_nothing(
    step: int, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first checkpoint, in the last step of a round, after it, and in the last step."""
    crash_at(step, tiny_config(tmp_path / "run"), monkeypatch)
    go_on(tmp_path / "run")
    assert_same_run(tmp_path / "run", unbroken)


@pytest.mark.usefixtures("no_bundle")
def test_loader_processes_that_read_ahead_change_nothing(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash_at(5, tiny_config(tmp_path / "run", data=tiny_data(num_workers=2)), monkeypatch)
    go_on(tmp_path / "run")
    assert_same_run(tmp_path / "run", unbroken)


@pytest.mark.usefixtures("no_bundle")
def test_death_while_a_checkpoint_is_written_leaves_the_one_before(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = TorchCheckpointIO.save_checkpoint
    run_dir = tmp_path / "run"

    def half(self: TorchCheckpointIO, checkpoint, path, storage_options=None) -> None:
        whole(self, checkpoint, path, storage_options)
        if checkpoint["global_step"] == 6 and "last" in str(path):
            with open(path, "r+b") as file:
                file.truncate(Path(path).stat().st_size // 2)
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(TorchCheckpointIO, "save_checkpoint", half)
        with pytest.raises(Crash):
            run_in(tmp_path, tiny_config(run_dir))
    assert read_checkpoint(run_dir / "checkpoints/last.ckpt")[0]["steps"] == 3
    go_on(run_dir)
    assert_same_run(run_dir, unbroken)


def test_a_checkpoint_is_the_old_one_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    ours = {"hyper_parameters": {"config": {}, "provenance": {}}, "state_dict": {}}
    AtomicCheckpointIO().save_checkpoint({"global_step": 1, **ours}, path)

    def killed(*args: object, **kwargs: object) -> None:
        Path(str(args[2])).write_bytes(b"half a file")
        raise Crash

    monkeypatch.setattr(TorchCheckpointIO, "save_checkpoint", killed)
    with pytest.raises(Crash):
        AtomicCheckpointIO().save_checkpoint({"global_step": 2, **ours}, path)
    assert read_checkpoint(path)[0]["steps"] == 1


@pytest.mark.parametrize("read", [read_checkpoint, load_checkpoint])
def test_a_damaged_checkpoint_is_named(read: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {"weight": torch.zeros(100)}}, path)
    for _ in ("another program's", "half a file"):
        with pytest.raises(ConfigError, match=r"last\.ckpt: damaged, or not"):
            read(path)
        path.write_bytes(path.read_bytes()[:200])


@pytest.mark.usefixtures("no_bundle")
def test_a_finished_run_is_judged_again_and_not_trained(tmp_path: Path, unbroken: Path) -> None:
    before = run_in(tmp_path, tiny_config(tmp_path / "run"))
    after = go_on(tmp_path / "run")
    assert_same_run(tmp_path / "run", unbroken)
    assert {**after, "git_commit": ""} == {**before, "git_commit": ""}


def test_kill_9_and_resume_on_the_command_line(unbroken: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    arguments = (
        *TINY, f"run_dir={run_dir}", "seed=3", "logger=csv", "data.num_workers=2",
        "loss.koleo_weight=0.1", "loss.memory_size=40",
    )  # fmt: skip
    process = subprocess.Popen(command(*arguments), cwd=tmp_path, env=environment())
    deadline = time.monotonic() + 200
    while not last_checkpoint(run_dir) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert read_checkpoint(run_dir / "checkpoints/last.ckpt")[0]["steps"] < STEPS

    refused = train_py(tmp_path, f"resume={run_dir}", "optimizer.lr=0.1")
    assert refused.returncode == 2
    assert "optimizer.lr: a resumed run keeps its configuration" in refused.stderr
    resumed = train_py(tmp_path, f"resume={run_dir}", "data.num_workers=1")
    assert resumed.returncode == 0, resumed.stderr
    assert_same_run(run_dir, unbroken)
    assert (tmp_path / "outputs/latest").resolve() == run_dir
    assert (run_dir / "bundle/bundle.json").is_file()
