"""The moving average of the weights: its formula, and that it is what a run keeps."""

from pathlib import Path

import pytest
import torch
from test_resume import assert_same_run, crash_at, go_on
from tiny import STEPS, run_in, tiny_config

from neardup.training.checkpoints import load_checkpoint, read_checkpoint
from neardup.training.encoder import Encoder
from neardup.training.module import SiameseModule

DECAY = 0.8


def test_it_is_the_formula(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, ema_decay=DECAY)
    module = SiameseModule(config, Encoder(config.encoder), {})
    weight = module.encoder.project.weight
    expected = None
    for step in range(5):
        torch.nn.init.normal_(weight)
        now = weight.detach().clone()
        expected = now if expected is None else DECAY * expected + (1 - DECAY) * now
        module.on_train_batch_end(None, {}, step)
    assert module.evaluated is not module.encoder
    torch.testing.assert_close(module.evaluated.project.weight, expected)


def test_without_a_decay_the_trained_weights_count(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    module = SiameseModule(config, Encoder(config.encoder), {})
    assert module.evaluated is module.encoder


@pytest.fixture
def averaging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs without an export, which takes longer than they do."""
    monkeypatch.setattr("neardup.training.run.write_bundle", lambda *args, **kwargs: None)


@pytest.mark.usefixtures("averaging")
def test_it_survives_a_crash_and_is_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    run_in(tmp_path, tiny_config(unbroken, ema_decay=DECAY))
    crash_at(4, tiny_config(broken, ema_decay=DECAY), monkeypatch)
    go_on(broken)
    assert_same_run(broken, unbroken)
    assert (
        read_checkpoint(unbroken / "checkpoints/last.ckpt")[0]["steps"] == STEPS
    )  # worse than the best here
    path = unbroken / "checkpoints/last.ckpt"
    state = torch.load(path, weights_only=True)["state_dict"]
    kept = load_checkpoint(path)[0].project.weight
    assert torch.equal(kept, state["averaged.module.project.weight"])
    assert not torch.equal(kept, state["encoder.project.weight"])
