"""A scan's result that can show itself: what ``Detector.find_duplicates`` returns."""

import importlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from neardup.scan.report.page import write_page
from neardup.scan.report.sentences import sentences
from neardup.scan.report.tables import write_pairs
from neardup.scan.result import ScanResult


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Duplicates(ScanResult):
    """What a scan found, with ways to look at it; printed, it is a short summary."""

    def __repr__(self) -> str:
        return "\n".join(sentences(self))

    @classmethod
    def of(cls, result: ScanResult) -> Self:
        """The same result."""
        return cls(**{item.name: getattr(result, item.name) for item in fields(result)})

    def to_csv(self, path: str | Path) -> None:
        """Write ``pairs`` as comma-separated values."""
        write_pairs(self, Path(path))

    def to_html(self, path: str | Path) -> None:
        """Write one self-contained page to look through the groups and decide."""
        write_page(self, Path(path))

    def to_pandas(self) -> Any:
        """``pairs`` as a DataFrame with the columns a, b, distance, identical (needs pandas)."""
        pandas = importlib.import_module("pandas")
        rows: list[dict[str, Any]] = [
            {
                "a": str(pair.a),
                "b": str(pair.b),
                "distance": pair.distance,
                "identical": pair.identical,
            }
            for pair in self.pairs
        ]
        return pandas.DataFrame(rows, columns=["a", "b", "distance", "identical"])
