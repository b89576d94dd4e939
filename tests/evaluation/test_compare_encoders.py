"""``scripts/compare_encoders.py`` says of one encoder what ``eval.py`` says of it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from neardup.errors import ConfigError
from neardup.evaluation.config import EvalConfig, FolderDataConfig, PairsConfig
from neardup.evaluation.method import encoder
from neardup.evaluation.plans import make_plan
from neardup.evaluation.run import evaluate
from toy_bundle import save_toy_bundle

PATH = Path(__file__).resolve().parents[2] / "scripts/compare_encoders.py"


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location(PATH.stem, PATH)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_one_table(script, picture, tmp_path: Path, capsys):
    photos, names = tmp_path / "photos", [str(tmp_path / "one"), str(tmp_path / "other")]
    photos.mkdir()
    for seed in range(24):
        picture(seed).save(photos / f"{seed}.png")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    bundle, _ = (save_toy_bundle(Path(name), seed=seed) for seed, name in enumerate(names))

    script.main([str(photos), *names, "--hashes", "dhash", "--precision", "0.9"])
    head, _, *rows = capsys.readouterr().out.splitlines()
    cells = {name: rest for name, *rest in (row.strip("| ").split(" | ") for row in rows)}
    assert list(cells) == [*names, "dhash"]
    assert all(len(rest) == head.count(" | ") for rest in cells.values())
    assert cells[names[0]][0] == "64"
    assert cells["dhash"][:2] == ["", ""]
    assert cells[names[0]][3:] != cells[names[1]][3:]
    assert all(float(rest[2]) > 0 for rest in cells.values())

    config = EvalConfig(
        out=str(tmp_path / "report"), protocol=PairsConfig(),
        data=FolderDataConfig(root=str(photos)), target_precision=0.9, robustness_images=0,
        bootstrap=0, gallery=0,
    )  # fmt: skip
    report = evaluate(config, make_plan(config), bundle, [encoder("neardup", bundle)])
    recall = [row["recall"] for row in report["families"]]
    point = report["operating_points"][report["chosen"]]
    expected = [np.mean(recall[:7]), np.mean(recall[7:]), point["precision"]]
    assert report["chosen"] == "precision=0.9"
    assert [float(cell) for cell in cells[names[0]][3:]] == pytest.approx(expected, abs=6e-5)


def test_a_folder_without_pictures_is_named(script, toy_bundle: Path, tmp_path: Path):
    (tmp_path / "text.txt").write_text("not a picture")
    with pytest.raises(ConfigError, match=tmp_path.name):
        script.main([str(tmp_path), str(toy_bundle), "--hashes"])
