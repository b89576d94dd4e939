"""What a scan says, without where its pictures lie."""

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

from neardup.cli.main import main


class Scanned(NamedTuple):
    code: int
    groups: list[list[tuple[str, str, float]]]  # name, sha256 and distance
    why: list[tuple[str, bool]]
    counts: dict[str, int]
    skipped: list[tuple[str, str]]  # name and reason
    blank: list[str]

    @property
    def contents(self) -> list[set[str]]:
        """The sha256 of each group's files, surest group first."""
        return [{sha256 for _, sha256, _ in group} for group in self.groups]

    @property
    def told_apart(self) -> tuple[Any, ...]:
        """What is the same wherever the pictures lie: which of identical files comes first is not,
        for that may be the oldest, and storages tell another time."""
        return self.code, self.contents, self.counts, self.skipped, self.blank


def scanned(bundle: Path, out: Path, *arguments: object) -> Scanned:
    """Scan by the command and read its report, which is in ``out`` unless told otherwise."""
    command = ["scan", "--bundle", str(bundle), "--out", str(out), *map(str, arguments)]
    return read(out, main(command))


def read(report: Path, code: int) -> Scanned:
    found = json.loads((report / "groups.json").read_text(errors="surrogateescape"))
    groups = [
        [(name_of(f["path"]), f["sha256"], f["distance"]) for f in group["files"]]
        for group in found["groups"]
    ]
    why = [(group["why"], group["proposed"]) for group in found["groups"]]
    return Scanned(
        code,
        groups,
        why,
        found["counts"],
        sorted((name_of(path), reason) for path, reason in _rows(report / "skipped.csv")),
        sorted(name_of(path) for path, _ in _rows(report / "blank.csv")),
    )


def page_of(report: Path) -> dict[str, Any]:
    """What the report's page holds."""
    page = (report / "report.html").read_text()
    start = page.index(">", page.index('type="application/json"')) + 1
    return json.loads(page[start : page.index("</script>", start)])


def name_of(path: str) -> str:
    return Path(path.rpartition("!")[2]).name


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", errors="surrogateescape") as file:
        return list(csv.reader(file))[1:]
