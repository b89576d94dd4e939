"""The files of an evaluation: numbers, tables, figures, page."""

import csv
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neardup.errors import ConfigError
from neardup.evaluation.measures.results import Part, Result
from neardup.evaluation.report.gallery import Gallery
from neardup.evaluation.report.page import page
from neardup.evaluation.report.plots import draw


def prepare(folder: Path, *, scores: bool) -> None:
    """Find out before the work, not after it, whether :func:`write` will be able to write.

    Raises:
        ConfigError: the folder cannot be written, or pyarrow is missing.
    """
    if scores and importlib.util.find_spec("pyarrow") is None:
        raise ConfigError("scores: needs the package pyarrow; pip install pyarrow")
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"out: {folder} cannot be written: {error.strerror}") from error


def write(report: dict[str, Any], main: Result, others: list[Result], pictures: Gallery) -> None:
    """Write ``report.json``, ``sweep.csv``, ``figures/*.png``, ``report.html`` and, when asked,
    ``scores.parquet`` into the folder that the report's ``config`` names and :func:`prepare` made.

    Raises:
        ConfigError: the folder cannot be written.
    """
    config = report["config"]
    folder = Path(config["out"])
    try:
        text = json.dumps(report, indent=2, allow_nan=False, default=str)
        (folder / "report.json").write_text(text + "\n")
        _write_sweep(folder / "sweep.csv", main.scores.test, config["sweep_rows"])
        if config["scores"]:
            _write_scores(folder / "scores.parquet", main.scores.whole)
        drawn = draw(report, main, others, folder / "figures")
        (folder / "report.html").write_text(page(report, drawn, pictures))
    except OSError as error:
        raise ConfigError(f"out: {folder} cannot be written: {error.strerror}") from error


def _write_sweep(path: Path, part: Part, most: int) -> None:
    """One row per threshold of the test half, all of them or ``most``; their counts are exact."""
    curve = part.curve
    rows = _chosen_rows(curve.true_positives, most or len(curve.threshold))
    columns = {
        "threshold": curve.threshold,
        "precision": curve.precision,
        "recall": curve.recall,
        "f1": curve.f1,
        "false_positive_rate": curve.false_positives / max(curve.negatives, 1),
        "true_positives": curve.true_positives,
        "false_positives": curve.false_positives,
        "false_negatives": curve.positives - curve.true_positives,
        "true_negatives": curve.negatives - curve.false_positives,
    }
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(column[rows].tolist() for column in columns.values()), strict=True))


def _chosen_rows(true_positives: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Where recall changes, as many as there is room for, then others evenly, the last always."""
    changing = np.flatnonzero(np.diff(true_positives, prepend=0))
    if len(changing) > most:
        changing = changing[np.linspace(0, len(changing) - 1, most).astype(np.int64)]
    others = np.setdiff1d(np.arange(len(true_positives)), changing)
    room = min(most - len(changing), len(others))
    if room > 0:
        changing = np.union1d(changing, others[np.linspace(len(others) - 1, 0, room).astype(int)])
    return changing.astype(np.int64)


def _write_scores(path: Path, part: Part) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    scores, task = part.scores, part.task
    pairs = np.concatenate([scores.positive, scores.near])
    columns = {
        "query": [task.query_names[i] for i in pairs[:, 0]],
        "reference": [task.reference_names[i] for i in pairs[:, 1]],
        "distance": np.concatenate([scores.positive_distance, scores.near_distance]),
        "is_duplicate": np.arange(len(pairs)) < len(scores.positive),
    }
    pq.write_table(pa.table(columns), path)


def summary(report: Mapping[str, Any]) -> str:
    """The summary sentence, a line an operating point, the warnings, and where the page is."""
    config = report["config"]
    lines = ["", report["verdict"], ""]
    for name, point in report["operating_points"].items():
        found = "no threshold reaches it"
        if point["threshold"] is not None:
            found = "distance <= {threshold:.4f}  precision {precision:.4f}  recall {recall:.4f}"
        lines.append(f"  {name:<18} {found.format(**point)}")
    lines += [f"  warning: {text}" for text in report["warnings"]]
    if "stored" in report:
        lines.append(f"  stored in {config['bundle']}: {', '.join(report['stored'])}")
    return "\n".join([*lines, "", f"report: {Path(config['out']) / 'report.html'}"])
