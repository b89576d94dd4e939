"""Columns of encoded pictures in Parquet files and Lance tables.

A column is binary, or a struct of ``bytes`` and ``path`` as Hugging Face datasets write it. It is
named as in ``photos.parquet#image``, or is the only such column. A picture is called
``photos.parquet!cats/1.jpg`` by its path, in the struct or in a column ``path`` of its own, and
``photos.parquet#17`` by its row, counted from 0, where it has none or one that came before.
"""

import importlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from neardup.errors import NeardupError
from neardup.scale.storage import reader

_ADDRESS = re.compile(
    r"(?P<table>.+\.(?:parquet|lance))(?:#(?P<column>[^/#\[\]]+)(?:\[(?P<fragment>\d+)\])?)?",
    re.IGNORECASE,
)
_ROWS_AT_ONCE = 64


class Address(NamedTuple):
    """Attributes:
    table: a Parquet file or a Lance table.
    column: None: its only one of pictures.
    fragment: which one of a Lance table; None: all.
    """

    table: str
    column: str | None = None
    fragment: int | None = None

    @classmethod
    def parse(cls, name: str) -> "Address | None":
        """None: the name is not that of such a table."""
        found = _ADDRESS.fullmatch(name)
        if found is None:
            return None
        fragment = found["fragment"]
        return cls(found["table"], found["column"], None if fragment is None else int(fragment))

    @property
    def is_lance(self) -> bool:
        return self.table.lower().endswith(".lance")


def parts(address: Address, tables: Sequence[str]) -> list[str]:
    """What can be embedded apart, by name: Parquet files as a whole, Lance tables by fragments.

    Args:
        address: says which column.
        tables: that its pattern fits; at least one.

    Raises:
        NeardupError: none can be read, or has no such column, or several and none is named.
    """
    if address.is_lance:
        return [part for table in tables for part in _fragments(address._replace(table=table))]
    failure = None
    for table in tables:
        try:
            schema = _parquet(table).schema_arrow
        except Exception as error:  # pyarrow's; of several files, it will be told as skipped
            failure = failure or error
            continue
        column = _column(schema, address._replace(table=table))
        return [f"{each}#{column}" for each in tables]
    reason = str(failure).removeprefix(f"{tables[0]}: ")
    raise NeardupError(f"{tables[0]}: it cannot be read as Parquet: {reason}")


def _fragments(address: Address) -> list[str]:
    table = _lance(address.table)
    column = _column(table.schema, address)
    return [f"{address.table}#{column}[{each.fragment_id}]" for each in table.get_fragments()]


def pictures(address: Address) -> Iterator[tuple[str, bytes | None]]:
    """Name of each picture and its file's bytes; None: the row holds none.

    Raises:
        NeardupError: as for :func:`parts`.
    """
    first, schema, read = _lance_rows(address) if address.is_lance else _parquet_rows(address)
    column = _column(schema, address)
    has_paths = "path" in schema.names and _is_text(schema.field("path").type)
    names = [column, "path"] if has_paths else [column]
    seen: set[str] = set()
    row = first
    for batch in read(columns=names, batch_size=_ROWS_AT_ONCE):
        for entry in batch.to_pylist():
            data, path = entry[column], entry.get("path")
            if isinstance(data, dict):
                data, path = data["bytes"], data.get("path") or path
            named = bool(path) and path not in seen
            seen.add(path)
            yield f"{address.table}!{path}" if named else f"{address.table}#{row}", data
            row += 1


def _parquet(name: str) -> Any:
    return importlib.import_module("pyarrow.parquet").ParquetFile(reader(name))


def _lance(name: str) -> Any:
    try:
        return importlib.import_module("lance").dataset(name)
    except ValueError:
        raise NeardupError(f"{name}: there is no such table") from None


def _parquet_rows(address: Address) -> tuple[int, Any, Any]:
    file = _parquet(address.table)
    return 0, file.schema_arrow, file.iter_batches


def _lance_rows(address: Address) -> tuple[int, Any, Any]:
    table = _lance(address.table)
    fragments = table.get_fragments()
    chosen = [f for f in fragments if f.fragment_id == address.fragment]
    if address.fragment is None:
        return 0, table.schema, table.to_batches
    before = sum(f.count_rows() for f in fragments[: fragments.index(chosen[0])])
    return before, table.schema, chosen[0].to_batches


def _column(schema: Any, address: Address) -> str:
    fitting = [field.name for field in schema if _holds_pictures(field.type)]
    if address.column is not None and address.column in fitting:
        return address.column
    if address.column is None and len(fitting) == 1:
        return str(fitting[0])
    if not fitting:
        raise NeardupError(f"{address.table}: it has no column of bytes, as encoded pictures are")
    there = ", ".join(fitting)
    if address.column is not None:
        lacking = f"there is no column {address.column!r} of encoded pictures"
    else:
        lacking = f"name the column of encoded pictures, as in {address.table}#image"
    raise NeardupError(f"{address.table}: {lacking}; columns of bytes: {there}")


def _holds_pictures(kind: Any) -> bool:
    types = importlib.import_module("pyarrow.types")
    if types.is_struct(kind):
        return any(field.name == "bytes" and _holds_pictures(field.type) for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_text(kind: Any) -> bool:
    types = importlib.import_module("pyarrow.types")
    return bool(types.is_string(kind) or types.is_large_string(kind))
