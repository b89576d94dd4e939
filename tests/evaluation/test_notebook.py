"""The notebook runs top to bottom, and is stored without outputs."""

import json
from pathlib import Path

import matplotlib

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def test_notebook_runs_and_is_stripped(monkeypatch, capsys):
    path = NOTEBOOKS / "threshold.ipynb"
    monkeypatch.setitem(matplotlib.rcParams, "backend", "agg")
    cells = json.loads(path.read_text())["cells"]
    namespace: dict[str, object] = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
            code = compile("".join(cell["source"]), f"{path.name} cell {number}", "exec")
            exec(code, namespace)
    assert "precision=0.99" in capsys.readouterr().out
    matplotlib.pyplot.close("all")
