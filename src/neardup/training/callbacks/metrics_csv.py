"""``metrics.csv``: one row per logged step, in one file over all resumed attempts."""

import csv
import time
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from neardup.files import replacing

FILE = "metrics.csv"
_SECONDS_BETWEEN_WRITES = 10.0


def read_rows(run_dir: Path) -> list[dict[str, str]]:
    """The rows of a run; a figure that was not logged at a step is empty or missing."""
    path = run_dir / FILE
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class MetricsCSV(Logger):
    """Keeps all rows in memory and rewrites the file atomically.

    Args:
        run_dir: where the file is.
        resume_step: how many steps were done; rows from this step on, counted from 0, are of a
            future that was lost, and are dropped. None starts afresh.
    """

    def __init__(self, run_dir: Path, *, resume_step: int | None = None) -> None:
        super().__init__()
        self.path = run_dir / FILE
        self.rows: dict[int, dict[str, Any]] = {}
        self._written = 0.0
        for row in [] if resume_step is None else read_rows(run_dir):
            step = int(row["step"])
            if resume_step is not None and step < resume_step:
                self.rows[step] = {k: v for k, v in row.items() if v != ""}

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Merge into the row of ``step``."""
        row = self.rows.setdefault(int(step or 0), {"step": int(step or 0)})
        row.update({k: f"{v:.6g}" for k, v in metrics.items() if k != "epoch"})

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """``config.yaml`` has them."""

    @rank_zero_only
    def save(self) -> None:
        """Write the file, unless that was done a moment ago: Lightning calls this at every row."""
        if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
            self.write()

    @rank_zero_only
    def write(self) -> None:
        """Write the file now."""
        self._written = time.monotonic()
        if not self.rows:
            return
        columns = sorted({key for row in self.rows.values() for key in row} - {"step"})
        with replacing(self.path) as file:
            writer = csv.DictWriter(file, ["step", *columns], restval="")
            writer.writeheader()
            writer.writerows(self.rows[step] for step in sorted(self.rows))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.write()
