"""``scripts/inference_variants.py`` on a tiny run."""

import importlib.util
import json
from pathlib import Path

import pytest
from tiny import REPOSITORY

from neardup.errors import ConfigError

PATH = REPOSITORY / "scripts/inference_variants.py"


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location(PATH.stem, PATH)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def rows(printed: str) -> dict[str, list[str]]:
    """The cells of each row by the first of them."""
    cells = [line.strip("| ").split(" | ") for line in printed.splitlines()[2:]]
    return {name: rest for name, *rest in cells}


def test_each_variant_is_judged_as_the_run_was(script, tiny_run: Path, capsys):
    script.main([str(tiny_run)])
    found = rows(capsys.readouterr().out)
    assert found.keys() >= {
        "64 px, 2x training", "GeM 5", "with mirror", "with 48 px", "with mirror and 48 px",
        "PCA, 16 numbers", "whitened, 16 numbers",
    }  # fmt: skip
    test = json.loads((tiny_run / "summary.json").read_text())["test"]
    point = test["operating_points"]["precision=0.999"]
    families = {row["family"]: row["average_precision"] for row in test["families"]}
    expected = [test["average_precision"], point["recall"], point["precision"]]
    expected += [families["zoom 1.5x"], families["all three at zoom 1.5x"]]
    *figures, relative_time = found["one pass at 32 px"]
    assert [float(figure) for figure in figures] == pytest.approx(expected, abs=6e-4)
    assert relative_time == "1.00x"
    assert found["32 px, 1x training"][:-1] == figures
    assert found["with mirror"] != found["with 48 px"]


def test_strong_edits_and_another_size(script, tiny_run: Path, capsys):
    script.main([str(tiny_run), "--groups", "sizes", "--size", "48", "--strong"])
    found = rows(capsys.readouterr().out)
    assert list(found) == ["one pass at 48 px"] + [
        f"{size} px, {scale}x training" for size, scale in ((32, 1), (40, 1.25), (48, 1.5), (64, 2))
    ]
    mission = json.loads((tiny_run / "summary.json").read_text())["test"]["average_precision"]
    assert float(found["32 px, 1x training"][0]) != pytest.approx(mission, abs=6e-4)


def test_drawn_pictures_are_in_no_folder(script, tiny_run: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="drawn"):
        script.main([str(tiny_run), "--photos", str(tmp_path)])
