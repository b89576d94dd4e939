"""An index of pictures on disk, to add to, remove from and query: a LanceDB folder.

What has been added is there after a crash at any moment: LanceDB writes new versions beside the
old. Queries are exact. This is the only file that knows LanceDB (``pip install 'neardup[index]'``).
"""

import importlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from neardup.bundle import Bundle
from neardup.distance import l2
from neardup.errors import BundleError, NeardupError
from neardup.library.file import File
from neardup.library.intake import Intake

FORMAT = 1
_TABLE = "pictures"
_BLANK = "blank"
_SLACK = 1e-4  # LanceDB's float32 squared distances only preselect
_DELETE_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Match:
    """A picture of the index and its L2 distance, in [0, 2], to the one asked for."""

    path: str
    distance: float


class PictureIndex:
    """Pictures by absolute path, with the vectors of one bundle. Use ``create`` or ``open``.

    Paths that are not valid UTF-8 are kept with backslashes.
    """

    def __init__(self, table: Any, blank: Any) -> None:
        self._table = table
        self._blank = blank  # files of one colour: known, so that they are not decoded each time

    @classmethod
    def create(cls, folder: Path, bundle: Bundle) -> Self:
        """Make an empty index for the vectors of a bundle.

        Raises:
            NeardupError: something is there already, other than an empty folder.
        """
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise NeardupError(f"{folder} exists already; add to it, or choose another name")
        database = _connect(folder)
        arrow = importlib.import_module("pyarrow")  # LanceDB brings it
        about = {"format": FORMAT, "encoder": bundle.encoder_id, "backbone": bundle.backbone}
        schema = arrow.schema(
            [
                ("path", arrow.string()),
                ("sha256", arrow.string()),
                ("bytes", arrow.int64()),
                ("modified", arrow.int64()),
                ("vector", arrow.list_(arrow.float32(), bundle.embedding_size)),
            ],
            metadata={"neardup": json.dumps(about)},
        )
        return cls(database.create_table(_TABLE, schema=schema), _blank_table(database))

    @classmethod
    def open(cls, folder: Path, bundle: Bundle) -> Self:
        """Open an index.

        Raises:
            NeardupError: it is not one.
            BundleError: its vectors come from another bundle.
        """
        try:
            if not folder.is_dir():
                raise FileNotFoundError(f"{folder} is not a folder")
            database = _connect(folder)
            table = database.open_table(_TABLE)
            about = json.loads(table.schema.metadata[b"neardup"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NeardupError(f"{folder} is not an index of neardup ({error})") from error
        if about["format"] != FORMAT:
            raise NeardupError(f"{folder} has format {about['format']}; expected {FORMAT}")
        if about["encoder"] != bundle.encoder_id:
            raise BundleError(
                f"{folder} was made with another bundle ({about['backbone']}, "
                f"{about['encoder'][:12]}...); use that one, or create another index"
            )
        return cls(table, _blank_table(database))

    def __len__(self) -> int:
        return int(self._table.count_rows())

    def missing(self, paths: Sequence[Path]) -> list[Path]:
        """Those of the files that the index does not hold as they are now (size and date)."""
        known: set[tuple[str, int, int]] = set()
        for table in (self._table, self._blank):
            rows = _columns(table, "path", "bytes", "modified")
            known |= set(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))
        return [path for path in paths if _state(path) not in known]

    def add(self, intake: Intake) -> int:
        """Add, or replace, every file that was embedded; all or none. Return how many.

        The others, blank or unreadable by now, are forgotten: their vectors are of what they were.
        """
        gone = [*(file.path for file in intake.blank), *(file.path for file in intake.skipped)]
        self._forget([key(path) for path in gone])
        arrow = importlib.import_module("pyarrow")
        if intake.blank:
            self._blank.add(arrow.table(_states(intake.blank)))
        files = [file for file in intake.files if intake.contents[file.sha256].vector is not None]
        if not files:
            return 0
        vectors = np.array([intake.contents[file.sha256].vector for file in files], np.float32)
        rows = arrow.table(
            {
                **_states(files),
                "sha256": [file.sha256 for file in files],
                "vector": arrow.FixedSizeListArray.from_arrays(vectors.ravel(), vectors.shape[1]),
            }
        )
        merge = self._table.merge_insert("path").when_matched_update_all()
        merge.when_not_matched_insert_all().execute(rows)
        return len(files)

    def query(self, vector: npt.NDArray[np.float32], threshold: float) -> list[Match]:
        """Every picture at ``distance <= threshold`` of a (D,) unit vector, nearest first."""
        search = self._table.search(vector).distance_type("l2").limit(max(1, len(self)))
        near = search.distance_range(upper_bound=threshold * threshold + _SLACK)
        rows = near.select(["path", "vector", "_distance"]).to_arrow()
        if rows.num_rows == 0:
            return []
        vectors = rows["vector"].combine_chunks().values.to_numpy().reshape(-1, len(vector))
        matches = zip(rows["path"].to_pylist(), l2(vectors, vector).tolist(), strict=True)
        found = [Match(path, distance) for path, distance in matches if distance <= threshold]
        return sorted(found, key=lambda match: (match.distance, match.path))

    def remove(self, paths: Sequence[Path]) -> int:
        """Forget these files, and everything below these folders. Return how many."""
        roots = [key(path) for path in paths]
        gone = [
            path
            for path in _columns(self._table, "path")["path"].to_pylist()
            if any(path == root or path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)
        ]
        self._forget(gone)
        return len(gone)

    def compact(self) -> None:
        """Merge the small files that many additions leave behind."""
        self._table.optimize()

    def _forget(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), _DELETE_AT_ONCE):
            quoted = (
                "'" + path.replace("'", "''") + "'" for path in keys[start:][:_DELETE_AT_ONCE]
            )
            listed = f"path IN ({', '.join(quoted)})"
            self._table.delete(listed)
            self._blank.delete(listed)


def _columns(table: Any, *names: str) -> Any:
    return table.search().select(list(names)).limit(max(1, table.count_rows())).to_arrow()


def _states(files: Sequence[File]) -> dict[str, list[Any]]:
    return {
        "path": [key(file.path) for file in files],
        "bytes": [file.bytes for file in files],
        "modified": [file.modified for file in files],
    }


def _blank_table(database: Any) -> Any:
    arrow = importlib.import_module("pyarrow")
    columns = [("path", arrow.string()), ("bytes", arrow.int64()), ("modified", arrow.int64())]
    return database.create_table(_BLANK, schema=arrow.schema(columns), exist_ok=True)


def key(path: Path) -> str:
    """The name a file has in an index: its absolute path."""
    return os.fsencode(os.path.abspath(path)).decode("utf-8", "backslashreplace")


def _state(path: Path) -> tuple[str, int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return key(path), state.st_size, state.st_mtime_ns


def chunks(paths: Sequence[Path], size: int = 1024) -> Iterator[Sequence[Path]]:
    """Lots that are added one at a time, so that a crash costs at most one."""
    for start in range(0, len(paths), size):
        yield paths[start : start + size]


def _connect(folder: Path) -> Any:
    try:
        lancedb = importlib.import_module("lancedb")
    except ImportError:
        raise NeardupError(
            "an index needs one more package: pip install 'neardup[index]'"
        ) from None
    return lancedb.connect(str(folder))
