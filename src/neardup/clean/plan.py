"""Which files would go, and which copy stays for each: from a report and what was decided.

As on the report's page, the first file of each content is decided about by the pair of the
group's first content and its own, every further one by the pair of its content with itself. Only
what a person accepted goes, or, where asked for, what is surely a copy. No file is read here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from neardup.errors import NeardupError, in_words
from neardup.files import entry_of
from neardup.library.listing import GROUPS
from neardup.scan.decisions import Decisions, ordered

FORMAT = 1

NOT_DECIDED = "not decided"
REJECTED = "you said it is another picture"
CONTRADICTION = "the decisions contradict each other"
NO_CHOICE = "nothing tells which copy to keep: choose one on the report's page"
LARGER = "it has more pixels than the copy that would stay: decide on the report's page"


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of the report.

    Attributes:
        path: absolute; links to folders resolved, but not the file's own name.
        sha256: of its bytes, as the scan found them.
        bytes: its size then.
        pixels: width times height.
        reference: it may never be touched.
        companions: absolute paths of films and notes that belong to it.
    """

    path: Path
    sha256: str
    bytes: int
    pixels: int
    reference: bool
    companions: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """Attributes:
    file: that would go.
    kept: accepted copies of it that stay, best first; one of them must be intact.
    decided: by a person, and not for being surely a copy.
    """

    file: Copy
    kept: tuple[Copy, ...]
    decided: bool


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A file that stays, though it is no copy to keep, and why, in words."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Attributes:
    removals: each file once, links before what they may lead to.
    left: what the decisions leave alone.
    staying: every other file of the report's groups.
    """

    removals: tuple[Removal, ...]
    left: tuple[LeftAlone, ...]
    staying: frozenset[Path]


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a report.

    Attributes:
        contents: sha256 to the files that hold it, the first content and file in front.
        proposed: the first is known to be the one to keep.
        sure: contents that are surely copies of the first, and show nothing that it lacks.
        across: the first lies in the folder compared against, so that it stays whatever is said.
    """

    contents: Mapping[str, tuple[Copy, ...]]
    proposed: bool
    sure: frozenset[str]
    across: bool

    @classmethod
    def of(cls, written: Mapping[str, Any], folder: Path, *, across: bool) -> Self:
        """From an entry of groups.json; paths are relative to a folder.

        Args:
            written: the entry.
            folder: absolute.
            across: the first picture lies in the folder compared against.
        """
        contents: dict[str, list[Copy]] = {}
        in_reference = across
        for place, file in enumerate(written["files"]):
            in_reference &= place == 0 or file["identical_to_previous"]
            copy = Copy(
                entry_of(folder / file["path"]),
                file["sha256"],
                file["bytes"],
                file["width"] * file["height"],
                bool(file.get("reference")) or in_reference,
                tuple(entry_of(folder / path) for path in file.get("companions", ())),
            )
            contents.setdefault(copy.sha256, []).append(copy)
        return cls(
            {sha256: tuple(copies) for sha256, copies in contents.items()},
            written["proposed"],
            frozenset(
                file["sha256"]
                for file in written["files"]
                if file["sure"] == "sure" and not file.get("own_content")
            ),
            across,
        )

    @property
    def first(self) -> str:
        return next(iter(self.contents))


def read_groups(report: Path) -> list[Group]:
    """The groups of a scan's report folder.

    Raises:
        NeardupError: it holds no report, or a damaged one.
    """
    path = report / GROUPS
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        if written["format"] != FORMAT:
            raise ValueError(f"format {written['format']!r}, expected {FORMAT}")
        folder = Path(written.get("relative_to", "")).absolute()
        across = written["against"] is not None
        return [Group.of(group, folder, across=across) for group in written["groups"]]
    except OSError as error:
        raise NeardupError(
            f"{path} cannot be read ({error.strerror}); give the folder that neardup scan wrote"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise NeardupError(f"{path} is not a scan's report: {in_words(error)}") from error


def make_plan(groups: Iterable[Group], decisions: Decisions, *, accept_sure: bool) -> Plan:
    """What to remove.

    Args:
        groups: of the report.
        decisions: what a person decided.
        accept_sure: also accept what is surely a copy, in groups whose copy to keep is known.
    """
    removals: dict[Path, Removal] = {}
    left: dict[Path, LeftAlone] = {}
    files: set[Path] = set()
    references: set[Path] = set()
    for group in groups:
        for each in _plan_group(group, decisions, accept_sure):
            if isinstance(each, Removal):
                removals.setdefault(each.file.path, each)
            else:
                left.setdefault(each.path, each)
        for copies in group.contents.values():
            files |= {copy.path for copy in copies}
            references |= {copy.path for copy in copies if copy.reference}
    removals = {path: each for path, each in removals.items() if path not in references}
    return Plan(
        tuple(sorted(removals.values(), key=lambda removal: not removal.file.path.is_symlink())),
        tuple(each for path, each in left.items() if path not in removals),
        frozenset(files - removals.keys()),
    )


def _plan_group(
    group: Group, decisions: Decisions, accept_sure: bool
) -> Iterator[Removal | LeftAlone]:
    same = {pair for pair in decisions.same if {*pair} <= group.contents.keys()}
    accepted = set(same)
    if accept_sure and group.proposed:
        surely = {ordered(group.first, sha256) for sha256 in group.sure}
        surely |= {(sha256, sha256) for sha256 in group.sure}
        accepted |= surely - decisions.different

    def why_not(sha256: str) -> str:
        if {ordered(group.first, sha256), (sha256, sha256)} & decisions.different:
            return REJECTED
        return NO_CHOICE if accept_sure and sha256 in group.sure else NOT_DECIDED

    for contents in _connected(group.contents, accepted):
        keep, why = _to_keep(group, contents, decisions)
        if len(contents) == 1 and group.first not in contents:
            yield from _leave(_best(group, contents[0]), why_not(contents[0]))
        staying = [file for sha256 in keep for file in _best(group, sha256)]
        for sha256 in contents:
            best = _best(group, sha256)
            others = [file for file in group.contents[sha256] if file not in best]
            if not keep:
                yield from _leave([*best, *others], why)
                continue
            if (sha256, sha256) not in accepted:
                yield from _leave(others, why_not(sha256))
                others = []
            decided = any(a != b and sha256 in (a, b) for a, b in same)
            stays = best if sha256 in keep else staying
            for file in others if sha256 in keep else [*best, *others]:
                if not decided and _shrinks(file, stays):
                    yield from _leave([file], LARGER)
                elif not file.reference:
                    itself = file in others and (sha256, sha256) in same
                    yield Removal(file, tuple(stays), decided or itself)


def _to_keep(group: Group, contents: list[str], decisions: Decisions) -> tuple[list[str], str]:
    """Which of contents that are accepted as one picture stay; where none is known, why."""
    among = set(contents)
    if any(a != b and a in among and b in among for a, b in decisions.different):
        return [], CONTRADICTION
    keep = [sha256 for sha256 in contents if sha256 in decisions.keep]
    knows = group.first in contents and (group.proposed or group.across)
    if not keep and (knows or len(contents) == 1):
        keep = contents[:1]
    return keep, NO_CHOICE


def _best(group: Group, sha256: str) -> list[Copy]:
    """The files of a content that stay where the content does."""
    copies = group.contents[sha256]
    return [file for file in copies if file.reference] or [copies[0]]


def _leave(files: Iterable[Copy], why: str) -> Iterator[LeftAlone]:
    return (LeftAlone(file.path, why) for file in files if not file.reference)


def _connected(contents: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The contents, in lots that the pairs connect; their order stays."""
    lots = {sha256: [sha256] for sha256 in contents}
    order = {sha256: place for place, sha256 in enumerate(lots)}
    for a, b in pairs:
        if lots[a] is not lots[b]:
            merged = sorted(lots[a] + lots[b], key=order.__getitem__)
            lots.update(dict.fromkeys(merged, merged))
    return list({id(lot): lot for lot in lots.values()}.values())


def _shrinks(file: Copy, staying: list[Copy]) -> bool:
    """Whether only smaller pictures would stay, which nobody compared with the file."""
    return all(kept.reference and kept.pixels < file.pixels for kept in staying)
