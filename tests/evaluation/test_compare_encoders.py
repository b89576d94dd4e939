"""``scripts/compare_encoders.py`` says of one encoder what ``eval.py`` says of it."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from neardup.errors import ConfigError
from neardup.evaluation.config import EvalConfig, FolderDataConfig, PairsConfig
from neardup.evaluation.edits.named import HARD, MISSION, STRONG
from neardup.evaluation.methods import encoder
from neardup.evaluation.protocols.choice import make_dataset
from neardup.evaluation.protocols.dataset import Files
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

    foreign = tmp_path / "theirs.onnx"
    foreign.write_bytes(bundle.encoder_path.read_bytes())
    script.main([
        str(photos), *names, "--hashes", "dhash", "--precision", "0.9", "--edits",
        "--onnx", f"{foreign}:64",
    ])  # fmt: skip
    tables = [part.splitlines() for part in capsys.readouterr().out.split("\n\n")]
    head, _, *rows = tables[0]
    cells = {name: rest for name, *rest in (row.strip("| ").split(" | ") for row in rows)}
    assert list(cells) == [*names, "theirs", "dhash"]
    assert all(row.count("|") == head.count("|") for row in rows)
    assert cells[names[0]][0] == "64"
    assert cells["dhash"][0] == ""
    assert cells[names[0]][3:] != cells[names[1]][3:]
    assert cells["theirs"][3:10] == cells[names[0]][3:10], "the same network, called another way"
    assert all(float(rest[2]) > 0 for rest in cells.values())
    assert len(tables[1]) == 2 + len(MISSION + STRONG + HARD)

    config = EvalConfig(
        out=str(tmp_path / "report"), protocol=PairsConfig(),
        data=FolderDataConfig(root=str(photos)), target_precision=0.9, robustness_images=0,
        bootstrap=0, gallery=0,
    )  # fmt: skip
    report = evaluate(config, make_dataset(config), bundle, [encoder("neardup", bundle)])
    recall = [row["recall"] for row in report["families"]]
    point = report["operating_points"][report["chosen"]]
    expected = [np.mean(recall[:7]), recall[3], np.mean(recall[7:]), recall[-1], point["precision"]]
    assert report["chosen"] == "precision=0.9"
    assert [float(cell) for cell in cells[names[0]][3:8]] == pytest.approx(expected, abs=6e-5)


def test_pictures_that_are_not_edited_are_references(script, picture, tmp_path: Path, capsys):
    """More references have more chances of a false pair, so a threshold finds no more."""
    for seed in range(40):
        picture(seed).save(tmp_path / f"{seed:02}.png")
    bundle = save_toy_bundle(tmp_path / "bundle")
    pictures = Files(tmp_path, [f"{seed:02}.png" for seed in range(40)])
    edited, rest = script.split_pictures(pictures, 14)
    assert len(edited.names) == 14
    assert sorted([*edited.names, *rest.names]) == pictures.names
    recalls = []
    for images in (pictures.names, edited.names):
        folder = tmp_path / str(len(images))
        folder.mkdir()
        for name in images:
            shutil.copy(tmp_path / name, folder / name)
        script.main([str(folder), str(bundle.directory), "--hashes", "--queries", "14"])
        recalls.append(float(capsys.readouterr().out.splitlines()[2].split(" | ")[4]))
    assert recalls[0] <= recalls[1]


@pytest.mark.parametrize("text", ["x.onnx", "x.onnx:64", "x.onnx:big", "x.onnx:64:bgr"])
def test_an_onnx_file_that_cannot_be_used_is_named(script, toy_bundle: Path, text: str, tmp_path):
    with pytest.raises(ConfigError, match=r"--onnx x\.onnx"):
        script.main([str(tmp_path), str(toy_bundle), "--onnx", text])


def test_a_folder_without_pictures_is_named(script, toy_bundle: Path, tmp_path: Path):
    (tmp_path / "text.txt").write_text("not a picture")
    with pytest.raises(ConfigError, match=tmp_path.name):
        script.main([str(tmp_path), str(toy_bundle), "--hashes"])


def test_divisions_are_averaged(script, picture, tmp_path: Path):
    """Of two ways of dividing the photos the mean; the first is the one taken without them."""
    for seed in range(30):
        picture(seed).save(tmp_path / f"{seed:02}.png")
    bundle = save_toy_bundle(tmp_path / "bundle")
    method = encoder("toy", bundle)
    pictures = Files(tmp_path, [f"{seed:02}.png" for seed in range(30)])
    encoded = script.encode(
        script.pairs_dataset(pictures, MISSION, where="", seed=0), [method], batch_size=32
    )
    nothing = encoded.vectors["toy"][:0, 0]

    def find(divisions):
        divided = script.score(encoded, nothing, method, MISSION, divisions=divisions)
        return script.find(divided, precision=0.3).mean(MISSION)

    one, two, script.SEED = find(1), find(2), 1
    assert two == pytest.approx((one + find(1)) / 2)
    assert find(1) != one


def test_no_division_is_refused(script, toy_bundle: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="--divisions 0"):
        script.main([str(tmp_path), str(toy_bundle), "--divisions", "0"])
