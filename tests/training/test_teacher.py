"""Distillation: the teacher is only looked at, and the student comes closer to it."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer
from test_resume import assert_same_run, crash_at, go_on
from tiny import run_in, tiny_config, tiny_data
from torch import Tensor

from neardup.bundle import DESCRIPTION_FILE, Bundle
from neardup.errors import ConfigError
from neardup.images.network_input import to_batch
from neardup.procedural import generate
from neardup.training import run
from neardup.training.config import DistillConfig, TrainConfig
from neardup.training.encoder import Encoder
from neardup.training.module import SiameseModule
from neardup.training.teacher import Teacher, distillation, load_teacher

SIZE, STEPS = 16, 30


def views(count: int = 4, side: int = 32) -> Tensor:
    return torch.from_numpy(to_batch([generate(8, i, 64) for i in range(count)], side))


def config_of(
    run_dir: Path, teacher: Path, pair_weight: float = 0.0, **options: Any
) -> TrainConfig:
    distill = DistillConfig(teacher=str(teacher), pair_weight=pair_weight)
    return tiny_config(run_dir, distill=distill, **options)


def batch(pictures: Tensor) -> dict[str, Tensor]:
    return {"anchor": pictures, "positive": pictures, "source": torch.arange(len(pictures))}


@pytest.fixture
def teacher(tiny_run: Path) -> Teacher:
    found = load_teacher(DistillConfig(teacher=str(tiny_run)), SIZE)
    assert found is not None
    return found


@pytest.fixture
def step(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """One training step of a student with the teacher's own weights, outside a run."""
    trainer = Trainer(accelerator="cpu", logger=False, log_every_n_steps=1)

    def step(pair_weight: float) -> tuple[Any, dict[str, Tensor]]:
        config = config_of(Path("run"), Path("teacher"), pair_weight)
        student = Encoder(config.encoder)
        student.load_state_dict(teacher.encoder.state_dict())
        module = SiameseModule(config, student, {}, teacher).eval()
        module.trainer = trainer
        parts: dict[str, Tensor] = {}
        monkeypatch.setattr(module, "log", parts.__setitem__)
        monkeypatch.setattr(module, "log_dict", parts.update)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        monkeypatch.setattr(module, "optimizers", lambda: optimizer)
        parts["total"] = module.training_step(batch(views()), 0)["loss"]
        return module, parts

    return step


def test_nothing_is_left_to_learn_for_the_teacher_itself(step: Callable[..., Any]) -> None:
    module, parts = step(pair_weight=0.0)
    assert float(parts["train/loss_distill"]) == pytest.approx(0, abs=1e-10)
    parts["total"].backward()
    assert all(p.grad is None or p.grad.abs().max() < 1e-5 for p in module.parameters())


def test_the_pairs_are_added_with_their_weight(step: Callable[..., Any]) -> None:
    _, parts = step(pair_weight=0.25)
    pairs = parts["train/loss_pair"] + 0.1 * parts["train/loss_koleo"]
    torch.testing.assert_close(parts["total"], parts["train/loss_distill"] + 0.25 * pairs)


def test_the_loss_is_the_mean_of_squared_distances() -> None:
    generator = torch.Generator().manual_seed(0)
    own, its = (
        torch.nn.functional.normalize(torch.randn(5, SIZE, generator=generator)) for _ in range(2)
    )
    expected = 0.0
    for a, b in zip(own.tolist(), its.tolist(), strict=True):
        expected += sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / len(own)
    assert float(distillation(own, its)) == pytest.approx(expected, rel=1e-5)
    cosine = (own * its).sum(dim=1).mean()
    assert float(distillation(own, its)) == pytest.approx(2 - 2 * float(cosine), rel=1e-5)


def test_a_run_folder_a_checkpoint_and_a_bundle_are_one_teacher(
    tiny_run: Path, teacher: Teacher
) -> None:
    summary = json.loads((tiny_run / "summary.json").read_text())
    for path in (tiny_run / "checkpoints/best.ckpt", tiny_run / "bundle"):
        same = load_teacher(DistillConfig(teacher=str(path)), SIZE)
        assert torch.equal(same(views()), teacher(views()))
        assert same.image_size == teacher.image_size == 32
        assert same.record == teacher.record | {"sha256": same.record["sha256"]}
    assert teacher.record["steps"] == summary["best_step"]
    assert same.record["sha256"] == Bundle.load(path).files["encoder.safetensors"]


@pytest.fixture(scope="module")
def distilled(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a student that began elsewhere."""
    folder = tmp_path_factory.mktemp("distilled")
    run_in(folder, config_of(folder / "run", tiny_run, max_steps=STEPS, val_every=10, lr=3e-3))
    return folder / "run"


def test_the_student_comes_closer(distilled: Path) -> None:
    with (distilled / "metrics.csv").open(newline="") as file:
        distance = [float(row["train/loss_distill"]) for row in csv.DictReader(file)]
    assert len(distance) == STEPS
    assert np.mean(distance[-5:]) < 0.5 * np.mean(distance[:3])


def test_the_checkpoint_is_the_students_alone(distilled: Path, tiny_run: Path) -> None:
    own, plain = (
        torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
        for folder in (distilled, tiny_run)
    )
    assert own["state_dict"].keys() == plain["state_dict"].keys()
    optimizers = [c["optimizer_states"][0]["param_groups"] for c in (own, plain)]
    counts = [[len(group["params"]) for group in groups] for groups in optimizers]
    assert counts[0] == counts[1]
    assert Bundle.load(distilled / "bundle").files.keys() == {"encoder.onnx", "encoder.safetensors"}


def test_the_teacher_is_recorded_and_judged_beside_the_student(
    distilled: Path, tiny_run: Path
) -> None:
    found = json.loads((distilled / "summary.json").read_text())["teacher"]
    teachers_own = json.loads((tiny_run / "summary.json").read_text())
    assert found["name"] == "run"
    assert found["test"]["average_precision"] == pytest.approx(
        teachers_own["test"]["average_precision"]
    )
    provenance = Bundle.load(distilled / "bundle").provenance
    assert provenance["teacher"] == {k: found[k] for k in ("name", "backbone", "steps", "sha256")}
    assert str(tiny_run) not in (distilled / "bundle" / DESCRIPTION_FILE).read_text()


@pytest.fixture
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "write_bundle", lambda *args, **kwargs: None)


@pytest.mark.usefixtures("no_bundle")
def test_training_leaves_the_teacher_as_it_is(
    tiny_run: Path, teacher: Teacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights, and its BatchNorm statistics, which every batch would move."""
    before = {name: value.clone() for name, value in teacher.encoder.state_dict().items()}
    assert any(name.endswith("running_mean") for name in before)
    monkeypatch.setattr(run, "load_teacher", lambda *args: teacher)
    run_in(tmp_path, config_of(tmp_path / "run", tiny_run, max_steps=2, pair_weight=1.0))
    assert all(torch.equal(value, before[n]) for n, value in teacher.encoder.state_dict().items())
    assert not any(p.requires_grad or p.grad is not None for p in teacher.encoder.parameters())


@pytest.mark.usefixtures("no_bundle")
def test_a_larger_teacher_sees_larger_views(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[bool, set[int]] = {True: set(), False: set()}
    forward = Encoder.forward

    def spy(self: Encoder, images: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not torch.is_inference_mode_enabled():
            seen[torch.is_grad_enabled()].add(images.shape[1])
        return forward(self, images)

    monkeypatch.setattr(Encoder, "forward", spy)
    data = tiny_data(image_size=24)
    run_in(tmp_path, config_of(tmp_path / "run", tiny_run, data=data, max_steps=2))
    assert seen == {True: {24}, False: {32}}


@pytest.mark.usefixtures("no_bundle")
def test_a_crash_changes_nothing_and_another_teacher_is_refused(
    tiny_run: Path, distilled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    run_in(tmp_path, config_of(unbroken, tiny_run, pair_weight=0.5))
    config = config_of(broken, tiny_run, pair_weight=0.5)
    crash_at(4, config, monkeypatch)
    other = DistillConfig(teacher=str(distilled), pair_weight=0.5)
    with pytest.raises(ConfigError, match=r"distill\.teacher: this run began with another"):
        run_in(tmp_path, replace(config, resume=str(broken), distill=other))
    go_on(broken)
    assert_same_run(broken, unbroken)


def test_a_teacher_that_cannot_be_is_named(tiny_run: Path, tmp_path: Path) -> None:
    def load(path: Path, size: int = SIZE) -> Teacher | None:
        return load_teacher(DistillConfig(teacher=str(path)), size)

    with pytest.raises(ConfigError, match=r"encoder\.embedding_size=8: must be 16.*teacher"):
        load(tiny_run, 8)
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ConfigError, match=r"distill\.teacher=.*no such file.*run folder"):
            load(path)
    (tmp_path / "broken.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(ConfigError, match=r"distill\.teacher=.*broken\.ckpt: .*damaged"):
        load(tmp_path / "broken.ckpt")
    assert load_teacher(DistillConfig(), SIZE) is None


def test_a_bundle_for_inference_only_is_a_teacher_too(tiny_run: Path, tmp_path: Path) -> None:
    bundle = Bundle.load(tiny_run / "bundle")
    (tmp_path / "encoder.onnx").write_bytes(bundle.encoder_path.read_bytes())
    replace(bundle, directory=tmp_path).save()
    teacher = load_teacher(DistillConfig(teacher=str(tmp_path)), SIZE)
    whole = load_teacher(DistillConfig(teacher=str(tiny_run / "bundle")), SIZE)
    assert teacher is not None
    assert whole is not None
    images = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(
            teacher.encoder.eval()(images), whole.encoder.eval()(images), rtol=0, atol=1e-4
        )
    replace(bundle, directory=tmp_path, provenance={}).save()
    with pytest.raises(ConfigError, match=r"distill\.teacher=.*does not say how it was trained"):
        load_teacher(DistillConfig(teacher=str(tmp_path)), SIZE)
