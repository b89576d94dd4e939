"""A scan's groups and pairs as Parquet tables, which programs read quickly however many there are.

Names of files that are not valid UTF-8 are written with backslashes.
"""

import importlib
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from neardup.errors import NeardupError
from neardup.scan.report.tables import groups
from neardup.scan.result import ScanResult

PAIRS = {
    "a": "string",
    "b": "string",
    "distance": "double",
    "identical": "bool",
    "probability": "double",
    "match": "string",
}
"""Columns of the table of pairs, as ``DuplicatePair`` has them; match is in words."""

GROUPS = {
    "group": "int64",
    "proposed": "bool",
    "path": "string",
    "sha256": "string",
    "distance": "double",
    "probability": "double",
    "match": "string",
    "identical_to_previous": "bool",
    "width": "int64",
    "height": "int64",
    "format": "string",
    "bytes": "int64",
    "taken": "string",
    "modified": "int64",
    "link": "bool",
    "reference": "bool",
}
"""Columns of the table of groups: group counts from 0, surest first, the others are as in
groups.json."""

_ROWS_AT_ONCE = 50_000


def available() -> bool:
    """Whether pyarrow is installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        return False
    return True


def pair_rows(result: ScanResult) -> Iterator[dict[str, Any]]:
    """Every pair that is called duplicate, nearest first, with the columns of :data:`PAIRS`."""
    for pair in result.pairs:
        match = None if pair.match is None else pair.match.sentence("a", "b")
        a, b = _text(pair.a), _text(pair.b)
        values = a, b, pair.distance, pair.identical, pair.probability, match
        yield dict(zip(PAIRS, values, strict=True))


def write_pair_table(result: ScanResult, path: Path) -> None:
    """Write :func:`pair_rows`.

    Raises:
        NeardupError: pyarrow is not installed.
    """
    _write(path, PAIRS, pair_rows(result))


def write_group_table(result: ScanResult, path: Path) -> None:
    """Write one row for each file of each group, with the columns of :data:`GROUPS`.

    Raises:
        NeardupError: pyarrow is not installed.
    """
    rows = (
        {**file, "group": number, "proposed": group["proposed"], "path": _text(file["path"])}
        for number, group in enumerate(groups(result))
        for file in group["files"]
    )
    _write(path, GROUPS, rows)


def _write(path: Path, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
    """A few rows at a time, whose memory is all that is needed."""
    if not available():
        raise NeardupError("this needs one more package: pip install 'neardup[index]'")
    arrow = importlib.import_module("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    schema = arrow.schema([(name, arrow.type_for_alias(kind)) for name, kind in columns.items()])
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    rows = iter(rows)
    try:
        with parquet.ParquetWriter(draft, schema) as writer:
            while lot := list(islice(rows, _ROWS_AT_ONCE)):
                writer.write_table(arrow.Table.from_pylist(lot, schema=schema))
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _text(path: str | Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
