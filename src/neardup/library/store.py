"""What a scan has computed so far, in one SQLite file that survives being killed.

Files are known by (path, size, modification time), contents by their hash, so that a resumed scan
neither reads nor embeds again what it knows. Local features and matches of the second look depend
on the contents alone: a later scan uses them too.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from neardup.errors import NeardupError
from neardup.library.file import Facts
from neardup.verify.features import Features
from neardup.verify.match import Match

CACHE = "scan-cache.sqlite"
"""What the file is called in a report folder."""

FORMAT = 1
SECOND_LOOK = 3
"""Counts the ways in which features and matches were made: those of another are dropped."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS files
    (path BLOB PRIMARY KEY, bytes INTEGER, modified INTEGER, sha256 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents
    (sha256 TEXT PRIMARY KEY, error TEXT, facts TEXT, vector BLOB);
CREATE TABLE IF NOT EXISTS features (sha256 TEXT PRIMARY KEY, packed BLOB);
CREATE TABLE IF NOT EXISTS matches
    (a TEXT, b TEXT, match TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
"""


class Content(NamedTuple):
    """What became of one content.

    Attributes:
        error: why it was skipped; None when it is a picture.
        facts: None when it was skipped.
        vector: (D,) float32; None when it was skipped or is blank.
    """

    error: str | None
    facts: Facts | None
    vector: npt.NDArray[np.float32] | None

    @property
    def is_blank(self) -> bool:
        return self.error is None and self.vector is None


class ScanCache:
    """The cache of one report folder, for one encoder.

    Args:
        path: the file; created when missing.
        encoder_id: see ``Bundle.encoder_id``; what another encoder computed is dropped.
        fresh: forget everything.
    """

    def __init__(self, path: Path, *, encoder_id: str, fresh: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        about = {"format": str(FORMAT), "encoder": encoder_id, "second look": str(SECOND_LOOK)}
        try:
            self._database = self._open(path)
            stored = dict(self._database.execute("SELECT * FROM about"))
            if fresh or any(stored.get(key) != about[key] for key in ("format", "encoder")):
                self._forget("files", "contents")
            if stored.get("second look") != about["second look"]:
                self._forget("features", "matches")
            if stored != about:
                with self._database:
                    rows = about.items()
                    self._database.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", rows)
        except sqlite3.DatabaseError as error:
            raise NeardupError(f"{path} is damaged or in use ({error}); delete it") from error

    @classmethod
    def reading(cls, path: Path) -> Self:
        """A cache that exists, to read from only, while another process writes it."""
        cache = cls.__new__(cls)
        cache.path = path
        cache._database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        return cache

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path, timeout=5)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
        return database

    def _forget(self, *tables: str) -> None:
        with self._database:
            for table in tables:
                self._database.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def known_hash(self, path: Path, *, size: int, modified: int) -> str | None:
        """The sha256 of a file that has not changed since it was read."""
        row = self._database.execute(
            "SELECT sha256 FROM files WHERE path = ? AND bytes = ? AND modified = ?",
            (os.fsencode(path), size, modified),
        ).fetchone()
        return None if row is None else str(row[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or none of what is written inside.

        Raises:
            NeardupError: the disk is full, or the file cannot be written any more.
        """
        try:
            with self._database:
                yield
        except sqlite3.Error as error:
            raise NeardupError(
                f"{self.path} cannot be written ({error}); what was stored before is kept, and"
                " --resume goes on from there"
            ) from error

    def remember_files(self, files: Iterable[tuple[Path, int, int, str]]) -> None:
        """Store (path, bytes, modified, sha256) of some files at once."""
        with self._writing():
            self._database.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                [(os.fsencode(path), *rest) for path, *rest in files],
            )

    def known_content(self, sha256: str) -> Content | None:
        row = self._database.execute(
            "SELECT error, facts, vector FROM contents WHERE sha256 = ?", (sha256,)
        ).fetchone()
        if row is None:
            return None
        error, facts, vector = row
        return Content(
            error,
            None if facts is None else Facts(**json.loads(facts)),
            None if vector is None else np.frombuffer(vector, dtype="<f4"),
        )

    def remember_contents(self, contents: Iterable[tuple[str, Content]]) -> None:
        """Store some contents by their sha256, all or none."""
        with self._writing():
            self._database.executemany(
                "INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?)",
                [
                    (
                        sha256,
                        content.error,
                        None if content.facts is None else json.dumps(asdict(content.facts)),
                        None if content.vector is None else content.vector.astype("<f4").tobytes(),
                    )
                    for sha256, content in contents
                ],
            )

    def known_features(self, sha256: str) -> Features | None:
        """The local features of a content; None when they were not extracted."""
        row = self._database.execute(
            "SELECT packed FROM features WHERE sha256 = ?", (sha256,)
        ).fetchone()
        return None if row is None else Features.unpack(row[0])

    def without_features(self, contents: Iterable[str]) -> list[str]:
        """Those of the contents whose local features are not known."""
        known = {row[0] for row in self._database.execute("SELECT sha256 FROM features")}
        return [sha256 for sha256 in contents if sha256 not in known]

    def remember_features(self, features: Iterable[tuple[str, bytes]]) -> None:
        """Store packed local features by sha256, all or none."""
        with self._writing():
            self._database.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", features)

    def forget_features_but(self, contents: Iterable[str]) -> None:
        """Drop the features and matches of contents that are gone."""
        with self._writing():
            self._database.execute("CREATE TEMP TABLE IF NOT EXISTS here (sha256 PRIMARY KEY)")
            self._database.execute("DELETE FROM here")
            self._database.executemany("INSERT OR IGNORE INTO here VALUES (?)", zip(contents))
            gone = "NOT IN (SELECT sha256 FROM here)"
            self._database.execute(f"DELETE FROM features WHERE sha256 {gone}")
            self._database.execute(f"DELETE FROM matches WHERE a {gone} OR b {gone}")

    def known_matches(self) -> dict[tuple[str, str], Match | None]:
        """What the second look said of pairs of contents; None: not shown to be copies."""
        known: dict[tuple[str, str], Match | None] = {}
        for a, b, match in self._database.execute("SELECT a, b, match FROM matches"):
            with suppress(KeyError, TypeError, ValueError):  # another version of neardup wrote it
                known[a, b] = None if match is None else Match.from_dict(json.loads(match))
        return known

    def remember_matches(
        self, matches: Iterable[tuple[str, str, Mapping[str, Any] | None]]
    ) -> None:
        """Store (a, b, match as plain values or None) by the contents' sha256, all or none."""
        with self._writing():
            self._database.executemany(
                "INSERT OR REPLACE INTO matches VALUES (?, ?, ?)",
                [(a, b, None if match is None else json.dumps(match)) for a, b, match in matches],
            )
