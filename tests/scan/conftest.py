import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from neardup.cli.main import main


@pytest.fixture
def album(tmp_path, picture) -> Path:
    """3 originals of which one has two near copies and one an identical one; odd files."""
    folder = tmp_path / "album"
    (folder / "sub").mkdir(parents=True)
    picture(1, size=(400, 300)).save(folder / "sea.png")
    picture(1, size=(200, 150)).save(folder / "sea small.png")
    picture(1, size=(400, 300)).save(folder / "sub" / "sea.jpg", quality=80)
    picture(2).save(folder / "hill.png")
    shutil.copy(folder / "hill.png", folder / "sub" / "hill copy.png")
    picture(3).save(folder / "naïve <b>&\n'name\".png")
    Image.new("RGB", (50, 50), "white").save(folder / "white.png")
    Image.new("RGB", (70, 50), "black").save(folder / "black.png")
    (folder / "empty.jpg").touch()
    (folder / "notes.txt").write_text("not a picture")
    whole = (folder / "sub" / "sea.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture
def run_scan(toy_bundle, tmp_path, capsys):
    """Run ``neardup scan``: returns the exit code, the JSON summary and the groups."""

    def run(*arguments, out=tmp_path / "report"):
        code = main(
            ["scan", "--json", "--bundle", str(toy_bundle), "--out", str(out), "--workers", "1"]
            + [str(argument) for argument in arguments]
        )
        printed = capsys.readouterr()
        if code == 2:
            return code, printed.err, None
        groups = json.loads((out / "groups.json").read_text())["groups"]
        return code, json.loads(printed.out), groups

    return run
