"""The quickstart notebook runs from top to bottom and shows the duplicates it made."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "quickstart.ipynb"


def test_runs_and_is_stored_without_outputs(toy_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("NEARDUP_BUNDLE", str(toy_bundle))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text", "") for output in outputs)
    assert "same picture:      True" in text
    assert "another picture:   False" in text
    assert "skipped: letter.jpg - not a picture" in text
    assert "blank:   blank page.png" in text
    assert "00.png, 00 copy.png" in text
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4
