"""What a result gives to other programs."""

import csv
import json
import re
import shutil
import sys
from types import SimpleNamespace

import pytest

from neardup import Detector
from neardup.errors import NeardupError
from neardup.scan.report.page import write_report


@pytest.fixture(scope="module")
def result(tmp_path_factory, picture, toy_bundle):
    """A picture three times, twice in the same bytes; one of them a reference."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "kept").mkdir()
    picture(1, size=(400, 300)).save(folder / "kept" / "sea.png")
    shutil.copy(folder / "kept" / "sea.png", folder / "copy.png")
    picture(1, size=(200, 150)).save(folder / "small.png")
    picture(2, size=(200, 150)).save(folder / "hill.png")
    picture(2, size=(300, 225)).save(folder / "hill large.png")
    (folder / "notes.txt").write_text("no picture")
    return Detector.load(toy_bundle).find_duplicates(
        str(folder), references=[folder / "kept"], exclude=["*.txt"], show_progress=False
    )


def test_printed_it_is_a_short_summary(result):
    lines = str(result).splitlines()
    assert lines[0].startswith("2 groups, 3 files more than needed, ")
    assert lines[1] == (
        "5 files: 4 embedded, 1 identical copies, 0 blank, 0 skipped; 1 left out by patterns"
    )
    assert repr(result) == str(result)


def test_pairs_as_tables(result, tmp_path):
    pandas = pytest.importorskip("pandas")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = result.to_pandas()
    assert list(table.columns) == ["a", "b", "distance", "identical", "probability", "match"]
    assert table["identical"].tolist() == [True, False, False]
    assert table["a"][0].endswith("sea.png")
    result.to_parquet(tmp_path / "new" / "pairs.parquet")
    written = parquet.read_table(tmp_path / "new" / "pairs.parquet").to_pandas()
    pandas.testing.assert_frame_equal(written, table, check_dtype=False)
    result.to_csv(tmp_path / "pairs.csv")
    with open(tmp_path / "pairs.csv", newline="") as file:
        assert [row["b"] for row in csv.DictReader(file)] == table["b"].tolist()


def test_no_pairs_are_a_table_with_columns(result, tmp_path, picture, toy_bundle):
    parquet = pytest.importorskip("pyarrow.parquet")
    picture(1).save(tmp_path / "alone.png")
    empty = Detector.load(toy_bundle).find_duplicates(tmp_path, show_progress=False)
    empty.to_parquet(tmp_path / "pairs.parquet")
    table = parquet.read_table(tmp_path / "pairs.parquet")
    assert (table.num_rows, table.column_names) == (0, list(result.to_pandas().columns))
    assert str(empty).startswith("0 groups, 0 files more than needed, 0 bytes to gain")


def test_a_row_for_each_file_of_a_group(result, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("neardup.scan.report.parquet._ROWS_AT_ONCE", 2)
    write_report(result, tmp_path, show_progress=False)
    written = json.loads((tmp_path / "groups.json").read_text())["groups"]
    rows = parquet.read_table(tmp_path / "groups.parquet").to_pylist()
    assert [(row["group"], row["path"]) for row in rows] == [
        (number, file["path"]) for number, group in enumerate(written) for file in group["files"]
    ]
    assert {row["distance"] for row in rows} == {
        file["distance"] for group in written for file in group["files"]
    }


def test_the_page_holds_the_first_files_of_a_group(result, tmp_path, monkeypatch):
    monkeypatch.setattr("neardup.scan.report.page.MAX_IN_A_GROUP", 2)
    result.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    data = json.loads(re.search(r'<script[^>]* id="data">(.*?)</script>', page)[1])
    held = [(len(group["files"]), group["filesInAll"]) for group in data["groups"]]
    assert sorted(held) == [(2, 2), (2, 3)]


def test_groups_as_json_and_as_a_page(result, tmp_path):
    result.to_json(tmp_path / "groups.json")
    written = json.loads((tmp_path / "groups.json").read_text())
    assert len(written["groups"]) == 2
    assert written["duplicate_files"] == 3
    result.to_html(tmp_path / "page.html")
    assert "neardup report" in (tmp_path / "page.html").read_text()


def test_fiftyone_is_given_samples(result, monkeypatch):
    """A stand-in records the calls: FiftyOne itself is too large to install for a test."""
    samples = []
    monkeypatch.setitem(
        sys.modules,
        "fiftyone",
        SimpleNamespace(
            Dataset=lambda name: SimpleNamespace(name=name, add_samples=samples.extend),
            Sample=lambda **fields: fields,
        ),
    )
    dataset = result.to_fiftyone("holiday")
    assert dataset.name == "holiday"
    seas = [
        sample
        for sample in samples
        if sample["filepath"].endswith(("sea.png", "copy.png", "small.png"))
    ]
    assert len(samples) == 5
    assert len({sample["group"] for sample in seas}) == 1
    assert [sample["tags"] for sample in seas] == [["reference"], ["copy"], ["copy"]]
    assert seas[2]["distance"] > seas[0]["distance"] == 0
    assert {"group", "distance", "probability", "match", "sha256"} < samples[0].keys()


@pytest.mark.parametrize(
    ("method", "library"), [("to_pandas", "pandas"), ("to_fiftyone", "fiftyone")]
)
def test_a_missing_library_is_named(result, monkeypatch, method, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(NeardupError, match=f"pip install '{library}'"):
        getattr(result, method)()
