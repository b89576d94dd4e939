"""A scan's result for programs: groups.json, pairs.csv, skipped.csv, blank.csv, leaked.txt.

File names that are not valid UTF-8 are written as the bytes they are.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neardup.files import replacing, write_text
from neardup.library.file import File, Picture
from neardup.probability import evidence, in_a_word
from neardup.scan.matching import has_own_content
from neardup.scan.result import DuplicateGroup, DuplicatePair, Leakage, Member, ScanResult

FORMAT = 1

PAIR_COLUMNS = ("a", "b", "distance", "identical", "probability", "match")
"""probability: empty where it is not known; match: in words, where a second look found one."""


def write_pairs(result: ScanResult, path: Path) -> None:
    """Every pair that is called duplicate, nearest first; see :data:`PAIR_COLUMNS`."""
    _write_csv(path, PAIR_COLUMNS, map(_pair, result.pairs))


def write_scenes(result: ScanResult, path: Path) -> None:
    """Pairs that look like two shots of one scene, as :func:`write_pairs` writes them."""
    _write_csv(path, PAIR_COLUMNS, map(_pair, result.scenes))


def _pair(pair: DuplicatePair) -> tuple[object, ...]:
    sure = "" if pair.probability is None else f"{pair.probability:.4f}"
    how = "" if pair.match is None else pair.match.sentence("a", "b")
    return pair.a, pair.b, f"{pair.distance:.6f}", int(pair.identical), sure, how


def write_skipped(result: ScanResult, path: Path) -> None:
    """path, reason: what could not be read, in the order of the paths."""
    _write_csv(path, ("path", "reason"), ((entry.path, entry.reason) for entry in result.skipped))


def write_blank(result: ScanResult, path: Path) -> None:
    """path, sha256: files of nearly one colour."""
    _write_csv(path, ("path", "sha256"), ((file.path, file.sha256) for file in result.blank))


def write_leaked(leakage: Leakage, path: Path) -> None:
    """The files below the folders scanned that are in the other folder, one a line."""
    write_text(path, "".join(f"{file}\n" for file in leakage.leaked))


def write_groups(result: ScanResult, path: Path) -> None:
    """Everything about the scan and its groups, as JSON."""
    about = json.dumps({**summary(result), "groups": []}, indent=1).removesuffix("]\n}")
    with replacing(path) as file:
        file.write(about)
        for number, group in enumerate(groups(result)):
            file.write(f"{',' if number else ''}\n{json.dumps(group)}")
        file.write("\n]\n}")


def summary(result: ScanResult) -> dict[str, Any]:
    """What the scan looked at and how, ready for JSON."""
    folders = [str(path) for path in result.selection.folders]
    return {
        "format": FORMAT,
        "folder": ", ".join(folders),
        "folders": folders,
        "relative_to": os.getcwd(),
        "references": [str(path) for path in result.selection.references],
        "against": None if result.selection.against is None else str(result.selection.against),
        "include": list(result.selection.include),
        "exclude": list(result.selection.exclude),
        "left_out": result.left_out,
        "threshold": result.threshold,
        "at": result.at,
        "encoder": result.encoder_id,
        "counts": asdict(result.counts),
        "duplicate_files": len(result.spare),
        "bytes_to_gain": result.to_gain,
        "leakage": _leakage(result.leakage),
        "pairs": len(result.pairs),
        "scenes": len(result.scenes),
        "search": result.search,
        "seconds": result.seconds,
    }


def _leakage(leakage: Leakage | None) -> dict[str, int] | None:
    if leakage is None:
        return None
    return {**asdict(leakage), "leaked": len(leakage.leaked)}


def groups(result: ScanResult) -> Iterator[dict[str, Any]]:
    """The groups, surest first, ready for JSON; the first file of each is the one to keep,
    where one is proposed."""
    return (_group(group, result.companions) for group in result.groups)


def _group(group: DuplicateGroup, companions: Mapping[Path, Sequence[Path]]) -> dict[str, Any]:
    first = group.members[0].picture
    files = [
        {
            **_file(member, file, first),
            "companions": [str(path) for path in companions.get(file.path, ())],
        }
        for member in group.members
        for file in member.picture.files
    ]
    return {
        "why": group.why,
        "proposed": group.proposed,
        "farthest": round(group.farthest, 6),
        "files": files,
    }


def _file(member: Member, file: File, first: Picture) -> dict[str, Any]:
    facts = member.picture.facts
    return {
        "path": str(file.path),
        "sha256": file.sha256,
        "distance": round(member.distance, 6),
        "probability": None if member.probability is None else round(member.probability, 4),
        "sure": None if member.probability is None else in_a_word(member.probability),
        "evidence": evidence(member.match).round(4).tolist() if member.looked else None,
        "match": None if member.match is None else member.match.sentence("the first", "this"),
        "own_content": has_own_content(member, first),
        "identical_to_previous": file is not member.picture.files[0],
        "width": facts.width,
        "height": facts.height,
        "format": facts.format,
        "bytes": file.bytes,
        "taken": facts.taken,
        "modified": file.modified // 1_000_000_000,
        "link": file.link,
        "reference": file.reference,
    }


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with replacing(path) as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
