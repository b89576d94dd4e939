"""The table of vectors: what became of each item, in Lance, on any storage.

One row an item: ``path``, ``unit`` (what was embedded as a whole), facts of its file, ``error``
(why it was skipped, or null) and ``vector`` (null where it was skipped or is blank). Of names,
bytes that are not UTF-8 are written with backslashes; ``name`` then has those of the path.
"""

import importlib
import json
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from neardup.errors import NeardupError
from neardup.files import is_remote, place
from neardup.library.file import Facts, File, Skipped
from neardup.library.intake import Intake
from neardup.library.store import Content
from neardup.scale.sources import Unit

SUFFIX = ".lance"
_ROWS_AT_ONCE = 10_000
_UNITS_AT_ONCE = 1000


class VectorTable:
    """A Lance table that one process appends to, fragment by fragment.

    Args:
        uri: of the table.
        encoder_id: see ``Bundle.encoder_id``; a table of another encoder is refused.
        size: D, of its vectors.
        fresh: forget the vectors that are there.

    Raises:
        NeardupError: the packages are missing, or a table of other things or another encoder's
            is there.
    """

    def __init__(self, uri: str, *, encoder_id: str, size: int, fresh: bool) -> None:
        self.uri = uri
        wanted = schema(encoder_id, size)
        table = _opened(uri)
        if table is not None and not _holds_vectors(table):
            raise NeardupError(f"{uri}: there is a table of other things already")
        if fresh or table is None:
            mode = "create" if table is None else "overwrite"
            table = _lance().write_dataset(wanted.empty_table(), uri, mode=mode)
        if table.schema.metadata != wanted.metadata:
            raise NeardupError(f"{uri} holds vectors of another encoder: give its --bundle")
        self._table = table

    @classmethod
    def is_at(cls, uri: str) -> bool:
        """Whether there is a table of vectors at an address."""
        table = _opened(uri) if uri.endswith(SUFFIX) else None
        return table is not None and _holds_vectors(table)

    def missing(self, units: Iterable[Unit]) -> list[Unit]:
        """Those units, or parts of units of files, that it does not hold, each once."""
        done = set(self._table.to_table(columns=["unit"])["unit"].to_pylist())
        lacking = []
        for unit in units:
            names = [name for name in unit.names if readable(name) not in done]
            done.update(map(readable, names))
            if names:
                lacking.append(unit._replace(names=names))
        return lacking

    def append(self, fragments: Iterable[str]) -> None:
        """Make fragments that workers wrote part of the table, all or none."""
        lance = _lance()
        written = [lance.FragmentMetadata.from_json(fragment) for fragment in fragments]
        if written:
            change = lance.LanceOperation.Append(written)
            self._table = lance.LanceDataset.commit(
                self.uri, change, read_version=self._table.version
            )

    def forget(self, stale: Iterable[str]) -> None:
        """Drop the rows of some units."""
        units = list(stale)
        for start in range(0, len(units), _UNITS_AT_ONCE):
            quoted = (
                "'" + unit.replace("'", "''") + "'" for unit in units[start:][:_UNITS_AT_ONCE]
            )
            self._table.delete(f"unit IN ({', '.join(quoted)})")

    def stale(self, units: Iterable[Unit]) -> list[str]:
        """What it holds that is not among the units, and files that failed or changed since."""
        named = {readable(name): name for unit in units for name in unit.names}
        held = set(self._table.to_table(columns=["unit"])["unit"].to_pylist())
        columns = ["unit", "bytes", "modified", "error"]
        files = self._table.to_table(columns=columns, filter="unit = path").to_pylist()
        changed = (
            row["unit"]
            for row in files
            if row["unit"] in named and not _is_as_was(named[row["unit"]], row)
        )
        return [*(held - named.keys()), *changed]

    def containers(self, names: Container[str]) -> dict[str, str]:
        """Of those items that came in containers, the container, by the item's name."""
        rows = self._table.to_table(columns=["path", "name", "unit"], filter="unit != path")
        return {name: row["unit"] for row in rows.to_pylist() if (name := _name(row)) in names}

    def read(self, units: Iterable[Unit] | None = None) -> Iterator[tuple[File | Skipped, Content]]:
        """Its rows, as taking in the same files on one machine would give them.

        Args:
            units: only what came with these; None: all.
        """
        named = None if units is None else {readable(name) for u in units for name in u.names}
        for batch in self._table.to_batches(batch_size=_ROWS_AT_ONCE):
            vectors = batch.column("vector")
            values = np.asarray(vectors.values).reshape(-1, vectors.type.list_size)
            for at, row in enumerate(batch.drop_columns(["vector"]).to_pylist()):
                if named is not None and row["unit"] not in named:
                    continue
                path = place(_name(row))
                if row["sha256"] is None:
                    yield Skipped(path, row["error"]), Content(row["error"], None, None)
                    continue
                file = File(
                    path=path,
                    bytes=row["bytes"],
                    modified=row["modified"],
                    sha256=row["sha256"],
                    link=row["link"],
                    inode=None if row["inode"] is None else tuple(row["inode"]),
                )
                facts = None if row["facts"] is None else Facts(**row["facts"])
                vector = values[at].copy() if vectors[at].is_valid else None
                yield file, Content(row["error"], facts, vector)


def _is_as_was(name: str, row: dict[str, Any]) -> bool:
    if row["error"] is not None:
        return False
    if is_remote(name):
        return True
    try:
        state = os.stat(name)
    except OSError:
        return False
    return (state.st_size, state.st_mtime_ns) == (row["bytes"], row["modified"])


def intake_of(rows: Iterable[tuple[File | Skipped, Content]]) -> Intake:
    """What rows of tables hold, as taking in the same files on one machine would give it."""
    files: list[File] = []
    unread: list[Skipped] = []
    contents: dict[str, Content] = {}
    for entry, content in rows:
        if isinstance(entry, File):
            files.append(entry)
            if content.error is None or entry.sha256 not in contents:  # one of its files may do
                contents[entry.sha256] = content
        else:
            unread.append(entry)
    files.sort(key=lambda file: file.path)
    return Intake.of(files, contents, unread, {})


def write_rows(
    uri: str, encoder_id: str, size: int, rows: Sequence[tuple[str, str, File | Skipped, Content]]
) -> list[str]:
    """Write a fragment that no table knows yet; return what :meth:`VectorTable.append` takes.

    Args:
        uri, encoder_id, size: of the table.
        rows: name and unit of an item, its file, or why it could not be read, and its content.
    """
    arrow = importlib.import_module("pyarrow")
    wanted = schema(encoder_id, size)
    columns: dict[str, list[Any]] = {name: [] for name in wanted.names}
    for name, unit, file, content in rows:
        read = file if isinstance(file, File) else None
        row = {
            "path": readable(name),
            "name": None if readable(name) == name else os.fsencode(name),
            "unit": readable(unit),
            "sha256": read and read.sha256,
            "bytes": read and read.bytes,
            "modified": read and read.modified,
            "link": read and read.link,
            "inode": read and read.inode,
            "error": content.error,
            "facts": None if content.facts is None else asdict(content.facts),
            "vector": content.vector,
        }
        for column, value in row.items():
            columns[column].append(value)
    table = arrow.table(columns, schema=wanted)
    fragments = importlib.import_module("lance.fragment").write_fragments(table, uri, mode="append")
    return [json.dumps(fragment.to_json()) for fragment in fragments]


def readable(name: str) -> str:
    """The name; bytes of it that are not UTF-8 are written with backslashes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _name(row: dict[str, Any]) -> str:
    return str(row["path"]) if row["name"] is None else os.fsdecode(row["name"])


def schema(encoder_id: str, size: int) -> Any:
    """The columns of a table."""
    arrow = importlib.import_module("pyarrow")
    text, number = arrow.string(), arrow.int64()
    facts = [("width", number), ("height", number), ("format", text), ("taken", text)]
    return arrow.schema(
        [
            ("path", text),
            ("name", arrow.binary()),
            ("unit", text),
            ("sha256", text),
            ("bytes", number),
            ("modified", number),
            ("link", arrow.bool_()),
            ("inode", arrow.list_(arrow.uint64())),
            ("error", text),
            ("facts", arrow.struct([*facts, ("camera", arrow.bool_())])),
            ("vector", arrow.list_(arrow.float32(), size)),
        ],
        metadata={"neardup": json.dumps({"encoder": encoder_id})},
    )


def _opened(uri: str) -> Any:
    """The Lance table at an address; None: there is none."""
    try:
        return _lance().dataset(uri)
    except ValueError:
        return None


def _holds_vectors(table: Any) -> bool:
    return b"neardup" in (table.schema.metadata or {})


def _lance() -> Any:
    try:
        return importlib.import_module("lance")
    except ImportError:
        message = "tables of vectors need more packages: pip install 'neardup[ray]'"
        raise NeardupError(message) from None
