"""``python eval.py`` end to end: what it leaves behind, and how it fails."""

import csv
import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from neardup.bundle import Bundle
from neardup.cli.main import main as neardup

REPOSITORY = Path(__file__).resolve().parents[2]
QUICK = ["robustness_images=2", "bootstrap=20", "gallery=3"]


def run(*arguments: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "eval.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def bundle(toy_bundle, tmp_path_factory) -> Path:
    """A copy that a test may write thresholds into."""
    copy = tmp_path_factory.mktemp("run") / "bundle"
    shutil.copytree(toy_bundle, copy)
    return copy


@pytest.fixture(scope="module")
def photos(picture, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for seed in range(30):
        picture(seed).save(root / f"{seed:02}.png")
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return root


@pytest.fixture(scope="module")
def report(bundle, photos, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out") / "report"
    done = run(
        f"bundle={bundle}", "data=folder", f"data.root={photos}", f"out={out}", *QUICK,
        "baselines=[phash,dhash,pdq]", "target_precision=0.99", "write_thresholds=true",
        "scores=true", "collection_size=1e4", "sweep_rows=2000", "verify=true",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout
    return out


def test_the_report_says_what_was_measured(report):
    found = json.loads((report / "report.json").read_text())
    assert found["pairs"]["all"]["duplicates"] == 30 * 16
    assert found["pairs"]["all"]["others"] == 30 * 16 * 29
    assert found["pairs"]["choice"]["sources"] == found["pairs"]["test"]["sources"] == 15
    assert found["unreadable"][0]["name"] == "broken.jpg"
    assert {row["method"] for row in found["baselines"]} == {
        "phash", "dhash", "pdq", "with the second look"
    }  # fmt: skip
    assert len(found["families"]) == 16
    assert {"f1", "precision=0.9", "precision=0.99", "precision=0.999"} <= set(
        found["operating_points"]
    )
    low, high = found["intervals"][f"recall at {found['chosen']}"]
    assert low <= found["operating_points"][found["chosen"]]["recall"] <= high
    assert found["groups"]["true_groups"] == 15
    assert len(found["robustness"]) > 80


def test_the_sweep_and_scores_agree_with_the_report_and_scikit_learn(report):
    import pyarrow.parquet as pq

    found = json.loads((report / "report.json").read_text())
    with open(report / "sweep.csv") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    point = found["operating_points"]["precision=0.99"]
    at = [row for row in rows if row["threshold"] <= point["threshold"]][-1]
    assert at["precision"] == pytest.approx(point["precision"])
    assert at["recall"] == pytest.approx(point["recall"])
    assert len(rows) == 2000
    assert rows[-1]["recall"] == 1
    steps = np.diff([0.0] + [row["recall"] for row in rows])
    area = float(steps @ [row["precision"] for row in rows])
    assert area == pytest.approx(found["headline"]["average_precision"])
    table = pq.read_table(report / "scores.parquet").to_pydict()
    assert len(table["distance"]) == 30 * 16 * 30
    whole = average_precision_score(table["is_duplicate"], -np.array(table["distance"]))
    assert 0 < whole <= 1


def test_the_page_is_one_file_that_needs_no_network(report):
    page = (report / "report.html").read_text()
    assert page.index("finds") < page.index("<table")
    assert page.count("<svg") >= 4
    outside = re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)[^"']*""", page)
    assert outside == []
    assert "@import" not in page
    assert "prefers-color-scheme: dark" in page
    assert "broken.jpg" in page
    assert {path.stem for path in (report / "figures").glob("*.png")} >= {
        "distances", "threshold", "precision_recall", "robustness"
    }  # fmt: skip


def test_the_second_look_is_judged_with_its_probabilities(report, bundle):
    found = json.loads((report / "report.json").read_text())
    second = {row["method"]: row for row in found["baselines"]}["with the second look"]
    alone = {row["family"]: row["recall"] for row in found["families"]}
    looked = {row["family"]: row["recall"] for row in second["families"]}
    assert looked["grayscale 100%"] > alone["grayscale 100%"] + 0.3
    assert second["headline"]["average_precision"] > found["headline"]["average_precision"]
    reliability = found["reliability"]
    assert reliability["pictures"] == 15
    assert 0 <= reliability["expected_calibration_error"] < 0.1
    assert (report / "figures/reliability.png").exists()
    assert "expected calibration error" in (report / "report.html").read_text()
    assert Bundle.load(bundle).calibration.pictures == 30


def test_stored_thresholds_serve_compare(report, bundle, photos, capsys):
    found = json.loads((report / "report.json").read_text())
    stored = Bundle.load(bundle)
    point = stored.operating_points["precision=0.99"]
    assert point.threshold == found["operating_points"]["precision=0.99"]["threshold"]
    assert "31 pictures" in point.measured_on or "30 pictures" in point.measured_on
    name = str(photos / "03.png")
    assert neardup(["compare", name, name, "--bundle", str(bundle), "--at", "precision=0.99"]) == 0
    assert f"{point.threshold:.4f}" in capsys.readouterr().out


def test_groups_of_real_files(bundle, picture, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    lines = ["path,group"]
    for seed in range(14):
        picture(seed).save(photos / f"{seed}.png")
        picture(seed, size=(80, 60)).save(photos / f"small{seed}.jpg")
        lines += [f"{seed}.png,{seed}", f"small{seed}.jpg,{seed}"]
    (photos / "groups.csv").write_text("\n".join(lines))
    done = run(
        f"bundle={bundle}", "protocol=groups", f"protocol.root={photos}", f"out={tmp_path}", *QUICK,
        "threshold=0.4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["chosen"] == "given: 0.4"
    assert found["operating_points"]["given: 0.4"]["recall"] == 1
    assert found["groups"]["true_groups"] == 7
    assert found["headline"]["rank_1"] == 1


def test_retrieval_of_files(bundle, photos, picture, tmp_path):
    queries, truth = tmp_path / "queries", tmp_path / "truth.csv"
    queries.mkdir()
    for number, seed in enumerate((0, 1, 2, 99)):
        picture(seed, size=(90, 70)).save(queries / f"q{number}.jpg")
    truth.write_text("".join(f"q{seed},{seed:02}\n" for seed in range(3)) + "q3,\n")
    done = run(
        f"bundle={bundle}", "protocol=retrieval", f"protocol.queries={queries}",
        f"protocol.references={photos}", f"protocol.ground_truth={truth}",
        f"out={tmp_path / 'out'}", *QUICK,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert not found["halved"]
    assert any("flattered" in warning for warning in found["warnings"])
    assert found["headline"]["micro_average_precision_isc2021"] == 1


def test_by_default_the_runs_own_test_split_is_used(bundle, photos, tmp_path):
    names = [f"{seed:02}.png" for seed in range(12, 26)]
    record = {"root": str(photos), "train": [], "val": [], "test": names}
    (bundle.parent / "splits.json").write_text(json.dumps(record))
    limits = {"zoom_probability": 0.5, "max_zoom": 2.0, "mirror_probability": 0.0}
    (bundle.parent / "config.yaml").write_text(json.dumps({"augment": limits}))
    done = run(f"bundle={bundle}", f"out={tmp_path}", "protocol.edits=mission", *QUICK)
    (bundle.parent / "splits.json").unlink()
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["pictures"] == 14
    assert "own test split" in found["data"]
    beyond = {(c["family"], c["severity"]): c["beyond_training"] for c in found["robustness"]}
    assert not beyond["zoom", 2.0]
    assert beyond["zoom", 2.5]
    assert beyond["mirror", 1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["threshold=2.5"], "a threshold is a distance in [0, 2], not 2.5"),
        (["+protocol.edit=mission"], "protocol.edit: no such key; did you mean 'edits'"),
        (["target_precision=1.5"], "target_precision=1.5: must be at most 1"),
        (["baselines=[phash,dhash,phash]"], "baselines: 'phash' stands there twice"),
        (["baselines=[sift]"], "baselines: 'sift' is not one of"),
        (["data=run"], "is not the folder of a training run"),
        (["bundle=nowhere"], "nowhere holds no bundle"),
        (["ckpt=nowhere.ckpt"], "ckpt: nowhere.ckpt is not a file"),
        ([f"out={__file__}"], "test_eval_command.py cannot be written: Not a directory"),
        (["protocol=groups"], "protocol.root: no value given"),
        (["protocol.edits=all", "data.root=nowhere"], "data.root: nowhere is not a folder"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    bundle, photos, arguments, reason, tmp_path, monkeypatch, capsys
):
    given = [f"bundle={bundle}", "data=folder", f"data.root={photos}", f"out={tmp_path}", *QUICK]
    keys = {argument.partition("=")[0] for argument in arguments}
    given = [a for a in given if a.partition("=")[0] not in keys]
    if "data=run" in arguments or "protocol=groups" in arguments:
        given = [a for a in given if not a.startswith("data")]
    script = str(REPOSITORY / "eval.py")
    monkeypatch.setattr(sys, "argv", [script, *given, *arguments])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(script, run_name="__main__")
    assert stopped.value.code == 2
    message = capsys.readouterr().err.strip()
    assert reason in message
    assert len(message.splitlines()) == 1


def test_one_picture_has_nothing_to_be_told_from(bundle, picture, tmp_path):
    (tmp_path / "photos").mkdir()
    picture(1).save(tmp_path / "photos" / "alone.png")
    done = run(
        f"bundle={bundle}", "data=folder", f"data.root={tmp_path / 'photos'}", f"out={tmp_path}"
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: protocol: every pair of pictures is")


def test_a_damaged_bundle_is_refused(toy_bundle, photos, tmp_path):
    shutil.copytree(toy_bundle, tmp_path / "bundle")
    with open(tmp_path / "bundle" / "encoder.onnx", "ab") as file:
        file.write(b"x")
    done = run(f"bundle={tmp_path / 'bundle'}", "data=folder", f"data.root={photos}")
    assert done.returncode == 2
    assert "sha256 differs" in done.stderr


def test_help_shows_choices_meanings_and_ranges():
    done = run("--help")
    assert done.returncode == 0, done.stderr
    assert "protocol=groups | pairs | retrieval" in done.stdout
    assert "precision that the threshold is chosen for [0.01 to 1]" in done.stdout
    assert "schema" not in done.stdout
