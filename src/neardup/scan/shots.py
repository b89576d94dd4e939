"""What belongs together in a folder: a RAW file and its JPEG, a picture and its film or notes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from neardup.images.raw import RAW
from neardup.library.file import File, Picture, Skipped
from neardup.search.exact import Pairs

RawPairs = Literal["keep", "report"]

COMPANIONS = frozenset({".mov", ".mp4", ".xmp", ".aae", ".json"})
"""Films of live photos, edits and notes: no pictures, but worth little without theirs."""

_Shot: TypeAlias = tuple[Path, str]
"""Folder and name without suffix, in small letters: what the files of one shot share."""


def spoken_for(pairs: Pairs, pictures: Sequence[Picture]) -> npt.NDArray[np.bool_]:
    """Which pairs, (K,) bool, are a picture and a RAW file whose other half is there: that half
    stands for both, so that the halves are no copies of each other."""
    whole = _whole(pictures)
    raw = np.array([picture.facts.format == RAW for picture in pictures], dtype=bool)
    beside = (bool(whole) and not whole.keys().isdisjoint(_shots(each)) for each in pictures)
    half = raw & np.fromiter(beside, dtype=bool)
    found: npt.NDArray[np.bool_] = half[pairs.left] & ~raw[pairs.right]
    found |= half[pairs.right] & ~raw[pairs.left]
    return found


def whole_first(
    pictures: Sequence[Picture], companions: Mapping[Path, Sequence[Path]]
) -> list[Picture]:
    """The pictures; of identical files those come first that lie beside the other half of their
    shot or beside companions, so that what belongs together stays together."""
    whole = _whole(pictures)

    def preference(file: File) -> tuple[object, ...]:
        age = whole.get(_shot(file.path)) if whole else None
        is_whole = age is not None or file.path in companions
        as_shot = file if age is None else replace(file, modified=age)
        return not file.reference, file.link, not is_whole, as_shot.preference

    return [
        replace(picture, files=tuple(sorted(picture.files, key=preference)))
        if len(picture.files) > 1
        else picture
        for picture in pictures
    ]


def _whole(pictures: Sequence[Picture]) -> dict[_Shot, int]:
    """The shots of which a RAW file and another picture are there, and the older's time."""
    raw = _ages([picture for picture in pictures if picture.facts.format == RAW])
    others = _ages([picture for picture in pictures if picture.facts.format != RAW] if raw else ())
    return {shot: min(raw[shot], others[shot]) for shot in raw.keys() & others.keys()}


def _ages(pictures: Sequence[Picture]) -> dict[_Shot, int]:
    """When the oldest file of each shot was modified."""
    ages: dict[_Shot, int] = {}
    for file in (file for picture in pictures for file in picture.files):
        shot = _shot(file.path)
        ages[shot] = min(ages.get(shot, file.modified), file.modified)
    return ages


def companions(pictures: Sequence[Picture], others: Iterable[Path]) -> dict[Path, list[Path]]:
    """The files that belong to pictures: IMG_1.MOV and IMG_1.HEIC.xmp to IMG_1.HEIC.

    Args:
        pictures: whose files may have companions.
        others: files that are no pictures, or that patterns left out.

    Returns:
        A picture's path to those of its companions. Each has one picture: of several with its name
        the RAW file, else the first by the alphabet.
    """
    loose = sorted(path for path in others if path.suffix.lower() in COMPANIONS)
    if not loose:
        return {}
    files = [(picture.facts.format != RAW, f.path) for picture in pictures for f in picture.files]
    owners: dict[_Shot, Path] = {}
    for _, path in sorted(files):
        owners.setdefault(_shot(path), path)
        owners.setdefault((path.parent, path.name.lower()), path)
    found: dict[Path, list[Path]] = {}
    for path in loose:
        if (owner := owners.get(_shot(path))) is not None:
            found.setdefault(owner, []).append(path)
    return found


def explained(
    skipped: Sequence[Skipped], companions: Mapping[Path, Sequence[Path]]
) -> list[Skipped]:
    """What was skipped, companions with the picture that they belong to as the reason."""
    owners = {path: owner for owner, paths in companions.items() for path in paths}
    return [
        Skipped(entry.path, f"no picture; it goes with {owners[entry.path].name}")
        if entry.path in owners
        else entry
        for entry in skipped
    ]


def _shots(picture: Picture) -> set[_Shot]:
    return {_shot(file.path) for file in picture.files}


def _shot(path: Path) -> _Shot:
    return path.parent, path.stem.lower()
