import errno
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neardup.cli.main import main


@pytest.fixture
def files(tmp_path, picture):
    picture(1).save(tmp_path / "a.png")
    picture(1).resize((80, 60)).save(tmp_path / "a-small.png")
    picture(2).save(tmp_path / "b.png")
    (tmp_path / "text.jpg").write_text("not a picture")
    return tmp_path


def compare(toy_bundle, *arguments):
    return main(["compare", "--bundle", str(toy_bundle), *map(str, arguments)])


def test_compare_exit_codes(toy_bundle, files, capsys):
    assert compare(toy_bundle, files / "a.png", files / "a-small.png") == 0
    assert capsys.readouterr().out.startswith("duplicate: distance 0.")
    assert compare(toy_bundle, files / "a.png", files / "b.png") == 1
    assert capsys.readouterr().out.startswith("different: distance")
    assert compare(toy_bundle, files / "a.png", files / "text.jpg") == 2
    error = capsys.readouterr().err
    assert "text.jpg" in error
    assert error.count("\n") == 1
    assert compare(files, files / "a.png", files / "b.png") == 2
    assert "bundle.json is missing" in capsys.readouterr().err


def test_blank_pictures_are_duplicates_only_of_themselves(toy_bundle, files, capsys):
    for name, colour in (("white.png", "white"), ("white.bmp", "white"), ("black.png", "black")):
        Image.new("RGB", (80, 60), colour).save(files / name)
    assert compare(toy_bundle, files / "white.png", files / "white.bmp") == 0
    assert capsys.readouterr().out.startswith("duplicate: distance 0.0000")
    for a, b in (("white.png", "black.png"), ("white.png", "a.png"), ("a.png", "white.png")):
        assert compare(toy_bundle, files / a, files / b, "--at", "2") == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "white.png is blank" in printed.err


def test_compare_json(toy_bundle, files, capsys):
    assert compare(toy_bundle, files / "a.png", files / "b.png", "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["duplicate"] is False
    assert answer["distance"] > answer["threshold"] == 0.25


def test_compare_at(toy_bundle, files, capsys):
    assert compare(toy_bundle, files / "a.png", files / "b.png", "--at", "2") == 0
    assert compare(toy_bundle, files / "a.png", files / "b.png", "--at", "precision=0.5") == 2
    assert "it has f1" in capsys.readouterr().err


def test_a_crash_is_not_taken_for_an_answer(toy_bundle, files, monkeypatch, capsys):
    from neardup.detector import Detector

    monkeypatch.setattr(Detector, "distance", lambda *pictures: 1 / 0)
    assert compare(toy_bundle, files / "a.png", files / "b.png") == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_help_is_instant():
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "neardup.cli.main", "--help"], check=True, capture_output=True
    )
    assert time.perf_counter() - started < 2  # 0.05 s on an idle machine
    code = (
        "import sys, neardup.cli.main; print('numpy' in sys.modules, 'onnxruntime' in sys.modules)"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert output.split() == ["False", "False"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_the_commands(shell):
    """As the README says to ask for it: shtab has a command of its own."""
    pytest.importorskip("shtab")
    command = [sys.executable, "-m", "shtab", f"--shell={shell}", "neardup.cli.main.make_parser"]
    script = subprocess.check_output(command, text=True)
    assert all(word in script for word in ("compare", "scan", "index", "--against", "--bundle"))


def test_output_may_be_cut_off(toy_bundle, files):
    command = [
        sys.executable,
        "-m",
        "neardup.cli.main",
        "compare",
        files / "a.png",
        files / "b.png",
    ]
    command += ["--bundle", toy_bundle]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.wait(timeout=60) == 2
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_a_full_disk_is_one_line_and_leaves_no_draft(files, toy_bundle, capsys, monkeypatch):
    def full(file, **arrays):
        Path(file).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    monkeypatch.setattr(np, "savez", full)
    out = files / "vectors.npz"
    assert main(["embed", str(files), "--bundle", str(toy_bundle), "--out", str(out)]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("neardup: ")
    assert message.endswith("No space left on device")
    assert "Errno" not in message
    assert not [path for path in files.iterdir() if "vectors" in path.name]
