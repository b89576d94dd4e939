"""The whole path by tiny real runs: what a finished run leaves, and that it can be used."""

import csv
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import BATCH, REPOSITORY, STEPS, environment, run_in, tiny_config, train_py

from neardup import Detector
from neardup.bundle import Bundle
from neardup.cli.main import main
from neardup.procedural import generate
from neardup.training import run, schema
from neardup.training.config import ContrastiveConfig, FolderConfig, MixedConfig, TripletConfig


@pytest.fixture(scope="module")
def summary(tiny_run: Path) -> dict:
    return json.loads((tiny_run / "summary.json").read_text())


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A picture, a small copy of it, and another picture."""
    folder = tmp_path_factory.mktemp("photos")
    one, other = (Image.fromarray(generate(9, index, 200)) for index in (0, 1))
    pictures = {"one.jpg": one, "copy.png": one.resize((80, 80)), "other.jpg": other}
    for name, picture in pictures.items():
        picture.save(folder / name)
    return [folder / name for name in pictures]


@pytest.mark.parametrize(
    "name",
    [
        "config.yaml", "summary.json", "metrics.csv",
        "checkpoints/best.ckpt", "checkpoints/last.ckpt",
        "bundle/encoder.onnx", "bundle/encoder.safetensors", "bundle/bundle.json",
        "pictures/first_batch.png", "pictures/learning_curve.png", "pictures/hardest_pairs.png",
        "pictures/test_precision_recall.png", "pictures/test_distances.png",
    ],
)  # fmt: skip
def test_the_run_folder_holds(tiny_run: Path, name: str) -> None:
    assert (tiny_run / name).stat().st_size > 0


def test_nothing_unfinished_is_left(tiny_run: Path) -> None:
    assert not list(tiny_run.rglob("*.part"))
    assert (tiny_run.parent / "outputs/latest").resolve() == tiny_run


def test_wandb_is_offline_and_complete(tiny_run: Path) -> None:
    offline = list((tiny_run / "wandb").glob("offline-run-*"))
    assert len(offline) == 1
    assert list(offline[0].glob("*.wandb"))
    names = [path.name for path in offline[0].rglob("*.png")]
    for picture in ("first_batch", "test_precision_recall", "hardest_pairs"):
        assert any(name.startswith(picture) for name in names), names


def test_the_configuration_is_the_one_that_ran(tiny_run: Path) -> None:
    expected = tiny_config(tiny_run, logger="wandb")
    assert schema.load(tiny_run) == expected


def test_the_summary(summary: dict) -> None:
    assert summary["steps"] == STEPS
    assert summary["images_seen"] == 2 * BATCH * STEPS
    assert summary["training_seconds"] > 0
    assert summary["images_per_second"] > 0
    assert 0 <= summary["data_wait_share"] <= 1
    assert 0 <= summary["threshold"] <= 2
    assert summary["git_commit"]
    assert {"python", "torch", "timm", "neardup"} <= summary["versions"].keys()
    assert summary["initial_weights"] == "random"
    assert "random" in summary["warnings"][0]
    for evaluation in (summary, summary["untrained"]):
        points = evaluation["val"]["operating_points"]
        assert points.keys() == {"f1", "precision=0.99", "precision=0.999"}
        tested = evaluation["test"]["operating_points"]
        for at, point in points.items():
            assert tested[at]["threshold"] == point["threshold"]  # chosen on val, unchanged on test
            assert 0 <= tested[at]["recall"] <= 1
        families = [row["family"] for row in evaluation["test"]["families"]]
        assert families[-1] == "all"
        assert len(families) == 8
        assert 0 < evaluation["test"]["average_precision"] <= 1


def test_the_metrics(tiny_run: Path) -> None:
    with (tiny_run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(STEPS))
    for name in (
        "train/loss", "train/loss_pair", "train/loss_koleo", "train/lr", "train/spread",
        "train/positive_distance", "train/nearest_negative_distance",
        "speed/images_per_second", "speed/data_wait_share",
    ):  # fmt: skip
        assert all(math.isfinite(float(row[name])) for row in rows), name
    validated = [row for row in rows if row["val/average_precision"]]
    assert [int(row["step"]) for row in validated] == [2, 5, 6]
    assert all(row["val/recall_at_p99"] and row["val/threshold_f1"] for row in validated)


def test_the_tests_figures_are_logged_with_validations_threshold(
    tiny_run: Path, summary: dict
) -> None:
    """So that a dashboard compares the runs of a sweep on them."""
    with (tiny_run / "metrics.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    point = summary["test"]["operating_points"][summary["default_at"]]
    assert float(last["test/threshold"]) == pytest.approx(summary["threshold"], rel=1e-5)
    assert float(last["test/recall"]) == pytest.approx(point["recall"], rel=1e-5)
    assert float(last["test/precision"]) == pytest.approx(point["precision"], rel=1e-5)
    assert float(last["test/average_precision"]) == pytest.approx(
        summary["test"]["average_precision"], rel=1e-5
    )


def test_thresholds_that_few_pictures_cannot_vouch_for_are_named(
    tiny_run: Path, summary: dict
) -> None:
    doubts = [warning for warning in summary["warnings"] if "too few copies" in warning]
    assert [doubt.split()[0] for doubt in doubts] == ["precision=0.99", "precision=0.999"]
    points = Bundle.load(tiny_run / "bundle").operating_points
    assert "too few copies" in points["precision=0.999"].measured_on
    assert "too few" not in points["f1"].measured_on


def test_a_refused_command_leaves_no_folder(tmp_path: Path) -> None:
    done = train_py(tmp_path, "data=folder", "data.root=nowhere", "trainer.max_steps=0")
    assert done.returncode == 2
    assert "trainer.max_steps=0" in done.stderr
    assert list(tmp_path.glob("outputs/*")) == []


def test_the_bundle_answers(tiny_run: Path, photos: list[Path], summary: dict) -> None:
    bundle = Bundle.load(tiny_run / "bundle")
    assert bundle.threshold() == pytest.approx(summary["threshold"])
    assert bundle.provenance["git_commit"] == summary["git_commit"]
    assert bundle.provenance["warnings"] == summary["warnings"]
    detector = Detector.load(tiny_run / "bundle")
    embeddings = detector.embed(photos)
    assert embeddings.shape == (3, 16)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    assert detector.distance(photos[0], photos[0]) == pytest.approx(0, abs=1e-5)
    assert detector.is_duplicate(photos[0], photos[0])
    assert detector.distance(photos[0], photos[1]) < detector.distance(photos[0], photos[2])


def test_the_next_command_works(
    tiny_run: Path, photos: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    same, bundle = [str(photos[0])] * 2, str(tiny_run / "bundle")
    assert main(["compare", *same, "--bundle", bundle, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["duplicate"] is True
    assert main(["compare", str(photos[0]), str(photos[0].parent), "--bundle", bundle]) == 2


def test_either_checkpoint_makes_a_bundle(
    tiny_run: Path, tmp_path: Path, photos: list[Path]
) -> None:
    """``export.py`` on the best checkpoint gives the run's own bundle again."""
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "export.py"),
         f"ckpt={tiny_run / 'checkpoints/best.ckpt'}", f"out={tmp_path / 'again'}"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    own, again = Bundle.load(tiny_run / "bundle"), Bundle.load(tmp_path / "again")
    assert again.operating_points == own.operating_points
    found = Detector.load(tmp_path / "again").embed(photos)
    np.testing.assert_allclose(found, Detector.load(own.directory).embed(photos), atol=1e-6)


@pytest.fixture
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "write_bundle", lambda *args, **kwargs: None)


@pytest.mark.usefixtures("no_bundle")
def test_a_folder_with_broken_files_trains(tmp_path: Path) -> None:
    images = tmp_path / "images"
    (images / "deeper").mkdir(parents=True)
    for index in range(60):
        folder = images if index % 2 else images / "deeper"
        Image.fromarray(generate(4, index, 64)).save(folder / f"{index}.png")
    (images / "text.jpg").write_text("not a picture")
    (images / "cut.png").write_bytes((images / "1.png").read_bytes()[:200])
    (images / "empty.gif").touch()
    Image.new("RGB", (50, 50), "red").save(images / "flat.png")
    data = FolderConfig(
        root=str(images), image_size=32, batch_size=BATCH, num_workers=0, val_fraction=0.2,
        test_fraction=0.2, cache_dir=str(tmp_path / "cache"),
    )  # fmt: skip
    config = tiny_config(tmp_path / "run", data=data, logger="tensorboard", max_steps=2)
    result = run_in(tmp_path, replace(config, loss=TripletConfig(miner="batch_hard")))
    splits = json.loads((tmp_path / "run/splits.json").read_text())
    reasons = {skipped["path"]: skipped["reason"] for skipped in splits["skipped"]}
    assert reasons.keys() == {"text.jpg", "cut.png", "empty.gif", "flat.png"}
    assert all(reasons.values())
    parts = [set(splits[part]) for part in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert result["sources"]["skipped"] == 4
    assert list((tmp_path / "run/tensorboard").glob("events.out.tfevents.*"))


def test_photographs_and_procedural_pictures_at_two_sizes(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for index in range(30):
        Image.fromarray(generate(4, index, 64)).save(images / f"{index}.png")
    data = MixedConfig(
        root=str(images), image_size=32, inference_size=48, batch_size=BATCH, num_workers=0,
        val_fraction=0.2, test_fraction=0.2, num_images=7, cache_dir=str(tmp_path / "cache"),
    )  # fmt: skip
    found = run_in(tmp_path, tiny_config(tmp_path / "run", data=data, max_steps=2))["sources"]
    splits = json.loads((tmp_path / "run/splits.json").read_text())
    assert found["procedural"] == 7
    assert found["train"] == len(splits["train"]) + 7
    assert (found["val"], found["test"]) == (len(splits["val"]), len(splits["test"]))
    assert Bundle.load(tmp_path / "run/bundle").image_size == 48


@pytest.mark.usefixtures("no_bundle")
def test_contrastive_with_bf16_and_sgd_runs(tmp_path: Path) -> None:
    config = tiny_config(
        tmp_path / "run", loss=ContrastiveConfig(), max_steps=2, precision="bf16-mixed"
    )
    config.optimizer.name = "sgd"
    assert run_in(tmp_path, config)["steps"] == 2
    state = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert all(v.dtype != torch.bfloat16 for v in state.values() if isinstance(v, torch.Tensor))
