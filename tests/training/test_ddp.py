"""Two processes do what one does with the same whole batch."""

import csv
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from tiny import TINY, run_in, tiny_config, train_py
from torch.nn.parallel import DistributedDataParallel

from neardup.training import run
from neardup.training.config import DistillConfig, NTXentConfig
from neardup.training.losses import Loss
from neardup.training.module import gather_batch

ROWS, FEATURES, SIZE, PROCESSES = 6, 5, 4, 2


def network() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(FEATURES, SIZE).double()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(PROCESSES * ROWS, FEATURES, generator=generator, dtype=torch.float64)
    return rows, torch.arange(ROWS).repeat(2)


def loss_of(model: torch.nn.Module, rows: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    embeddings, source = gather_batch(torch.nn.functional.normalize(model(rows)), source)
    return Loss(NTXentConfig(temperature=0.2, koleo_weight=0.5), SIZE)(embeddings, source)["total"]


def one_of_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=PROCESSES
    )
    model = DistributedDataParallel(network())
    rows, source = batch()
    own = torch.arange(PROCESSES * ROWS).view(2, -1)[:, rank::PROCESSES].flatten()
    loss = loss_of(model, rows[own], source[own])
    loss.backward()
    weight = model.module.weight.grad
    _, order = gather_batch(rows[own], own)
    found = {"loss": loss.detach(), "gradient": weight, "order": order}
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_gathered_gradients_are_those_of_one_process(tmp_path: Path) -> None:
    model = network()
    loss = loss_of(model, *batch())
    loss.backward()
    mp.spawn(one_of_two, (str(tmp_path),), nprocs=PROCESSES)
    for rank in range(PROCESSES):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found["order"].tolist() == list(range(PROCESSES * ROWS))
        torch.testing.assert_close(found["loss"], loss.detach())
        torch.testing.assert_close(found["gradient"], model.weight.grad)


def test_a_run_on_two_processes(
    tmp_path: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a teacher, and without BatchNorm, whose statistics are each process's own.

    Equal up to rounding.
    """
    done = train_py(
        tmp_path, *TINY, f"run_dir={tmp_path / 'two'}", "seed=3", "logger=csv",
        "encoder.backbone=test_convnext", "loss.koleo_weight=0.1", "loss.memory_size=40",
        "trainer.devices=2", "trainer.strategy=ddp",
        f"distill.teacher={tiny_run}", "distill.pair_weight=1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    monkeypatch.setattr(run, "write_bundle", lambda *args, **kwargs: None)
    distill = DistillConfig(teacher=str(tiny_run), pair_weight=1)
    run_in(tmp_path, tiny_config(tmp_path / "one", backbone="test_convnext", distill=distill))
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    assert [row["step"] for row in two] == [row["step"] for row in one]
    for name in (
        "train/loss", "train/loss_koleo", "train/loss_distill", "train/spread",
        "train/positive_distance",
    ):  # fmt: skip
        found = [float(row[name]) for row in two]
        assert found == pytest.approx([float(row[name]) for row in one], rel=1e-3, abs=1e-4)
    assert (tmp_path / "two/bundle/bundle.json").is_file()
    assert {p.name for p in (tmp_path / "outputs").iterdir()} == {"latest"}


def rows(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))
