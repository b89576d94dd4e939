"""A run that has gone wrong stops with an explanation, and keeps its last good checkpoint."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny import TINY, run_in, tiny_config, train_py
from torch.nn import functional as F

from neardup.errors import NeardupError
from neardup.training import run
from neardup.training.callbacks.collapse import Alarm
from neardup.training.callbacks.dashboard import Dashboard
from neardup.training.checkpoints import load_checkpoint, read_checkpoint
from neardup.training.module import batch_geometry

SOURCE = torch.arange(16).repeat(2)


def judge(alarm: Alarm, embeddings: torch.Tensor, steps: int) -> None:
    outputs = {"loss": torch.tensor(1.0), **batch_geometry(embeddings, SOURCE)}
    for index in range(steps):
        trainer = SimpleNamespace(global_step=index + 1)
        alarm.on_train_batch_end(trainer, SimpleNamespace(), outputs, None, index)


def around(centres: torch.Tensor, noise: float) -> torch.Tensor:
    return F.normalize(centres + noise * torch.randn(centres.shape), dim=1)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("noise", [0.0, 1e-3, 0.01])
def test_embeddings_on_one_spot_raise_the_alarm(noise: float) -> None:
    spot = around(torch.eye(1, 8).expand(32, 8), noise)
    judge(Alarm(patience=5), spot, 4)
    with pytest.raises(NeardupError, match=r"collapsed: for 5 steps.*Lower optimizer\.lr"):
        judge(Alarm(patience=5), spot, 5)
    judge(Alarm(patience=0), spot, 50)  # 0 is off


def test_healthy_embeddings_do_not() -> None:
    centres = F.normalize(torch.randn(16, 8), dim=1).repeat(2, 1)
    judge(Alarm(patience=1), around(centres, 0.1), 5)
    judge(Alarm(patience=1), F.normalize(torch.randn(32, 8), dim=1), 5)  # untrained
    dense = torch.eye(1, 8) + 0.02 * centres  # close together, but the pairs are much closer
    judge(Alarm(patience=1), around(dense, 1e-4), 5)


def test_a_healthy_step_starts_the_count_again() -> None:
    alarm = Alarm(patience=3)
    for _ in range(4):
        judge(alarm, torch.eye(1, 8).expand(32, 8), 2)
        judge(alarm, F.normalize(torch.randn(32, 8), dim=1), 1)


def test_the_geometry_of_a_batch() -> None:
    angle = torch.tensor([0.0, 0.1, 1.0, 1.2])
    points = torch.stack([angle.cos(), angle.sin()], dim=1)
    found = batch_geometry(points, torch.tensor([0, 0, 1, 1]))

    def chord(turn: float) -> float:
        return float(2 * torch.sin(torch.tensor(turn / 2)))

    assert found["positive_distance"] == pytest.approx((chord(0.1) + chord(0.2)) / 2, abs=1e-5)
    nearest = (chord(1.0) + 2 * chord(0.9) + chord(1.1)) / 4
    assert found["nearest_negative_distance"] == pytest.approx(nearest, abs=1e-5)
    spread = (chord(1.0) + chord(1.2) + chord(0.9) + chord(1.1)) / 4
    assert found["spread"] == pytest.approx(spread, abs=1e-5)


@pytest.mark.parametrize("step", [4, 6])
def test_weights_that_become_nan_do_not_reach_a_checkpoint(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a round the next loss tells; in its last step, the weights do."""

    def on_train_batch_end(self, trainer, pl_module, *args: object) -> None:
        if trainer.global_step == step:
            pl_module.encoder.project.weight.data.fill_(torch.nan)

    monkeypatch.setattr(Dashboard, "on_train_batch_end", on_train_batch_end)
    monkeypatch.setattr(run, "write_bundle", lambda *args, **kwargs: None)
    good = tmp_path / "good"
    good.mkdir()
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/latest").symlink_to(good)
    with pytest.raises(NeardupError, match=rf"at step {step}: .*lower optimizer\.lr"):
        run_in(tmp_path, tiny_config(tmp_path / "run"))
    for name in ("last", "best"):
        path = tmp_path / f"run/checkpoints/{name}.ckpt"
        assert read_checkpoint(path)[0]["steps"] == 3
        encoder, _, _ = load_checkpoint(path)
        assert all(torch.isfinite(p).all() for p in encoder.parameters())
    assert (tmp_path / "outputs/latest").resolve() == good, "a failed run is not the latest"


def test_a_loss_that_explodes_ends_the_program_with_code_2(tmp_path: Path) -> None:
    done = train_py(
        tmp_path, *TINY, f"run_dir={tmp_path / 'run'}", "logger=csv", "optimizer=sgd",
        "optimizer.lr=1e38", "trainer.gradient_clip=0", "trainer.val_every=1",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: the ")
    assert "lower optimizer.lr" in last
