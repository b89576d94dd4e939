"""A file that was found, the picture that identical files share, and the facts about it."""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from PIL import ExifTags

from neardup.images.raw import FULL_SIZE, RAW
from neardup.images.reading import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Attributes:
    width: pixels, upright (after EXIF orientation).
    height: pixels.
    format: as Pillow names it: JPEG, PNG...; or RAW.
    taken: when the camera says it was taken, ``YYYY:MM:DD HH:MM:SS``; empty if it does not.
    camera: the file names the camera's make or model, as originals do and most edits do not.
    """

    width: int
    height: int
    format: str
    taken: str
    camera: bool


def read_facts(data: bytes) -> Facts:
    """Facts of a file's bytes; raises whatever Pillow raises when it is not a picture."""
    with opened(io.BytesIO(data)) as image:
        width, height = image.info.get(FULL_SIZE, image.size)
        try:
            exif = image.getexif()
            detail = exif.get_ifd(ExifTags.IFD.Exif)
            taken = detail.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
            camera = bool(exif.get(ExifTags.Base.Make) or exif.get(ExifTags.Base.Model))
            turned = exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        except Exception:  # damaged EXIF
            taken, camera, turned = None, False, False
        if turned:
            width, height = height, width
        return Facts(
            width=width,
            height=height,
            format=image.format or "",
            taken=taken[:19] if isinstance(taken, str) and taken.isprintable() else "",
            camera=camera or image.format == RAW,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file as it was when it was hashed.

    Attributes:
        path: where it is.
        bytes: its size.
        modified: nanoseconds since the epoch.
        sha256: of its bytes, hexadecimal.
        link: it is a symbolic link to the bytes.
        inode: device and number; hard links share them. None: not known.
        reference: it is never touched.
    """

    path: Path
    bytes: int
    modified: int
    sha256: str
    link: bool
    inode: tuple[int, int] | None = None
    reference: bool = False

    @property
    def preference(self) -> tuple[bool, bool, int, int, str]:
        """Which of several identical files to keep, smallest first: references, real files before
        links, the oldest, the shortest path, and the alphabet to decide the rest."""
        return not self.reference, self.link, self.modified, len(str(self.path)), str(self.path)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a folder that could not be listed, and why, in words a person understands."""

    path: Path
    reason: str


def by_content(files: Sequence[File]) -> dict[str, list[File]]:
    """sha256 to the files that hold it, both in the order of the files."""
    contents: dict[str, list[File]] = {}
    for file in files:
        contents.setdefault(file.sha256, []).append(file)
    return contents


@dataclass(frozen=True, slots=True)
class Picture:
    """One content that is a picture, and the files that hold it.

    Attributes:
        facts: what the file says about itself.
        files: at least one; the first is the one to keep, the others are identical in every byte.
    """

    facts: Facts
    files: tuple[File, ...]

    @property
    def sha256(self) -> str:
        return self.files[0].sha256

    @property
    def path(self) -> Path:
        return self.files[0].path

    @property
    def reference(self) -> bool:
        """Whether the file to keep is one that is never touched."""
        return self.files[0].reference

    @property
    def untouched(self) -> bool:
        """Whether none of its files may be touched."""
        return all(file.reference for file in self.files)

    @property
    def preference(self) -> tuple[object, ...]:
        """Which of several near-duplicates to keep, smallest first: most pixels, most bytes,
        a camera's own file before a processed one, then as for identical files."""
        pixels = self.facts.width * self.facts.height
        return -pixels, -self.files[0].bytes, not self.facts.camera, self.files[0].preference


Lots: TypeAlias = Callable[[Sequence[Picture]], Iterable[Sequence[Picture]]]
"""Gives pictures a few at a time, their files where they can be opened until the next are asked
for; those that cannot be had it leaves out."""


def where_they_are(pictures: Sequence[Picture]) -> Iterable[Sequence[Picture]]:
    """All at once: their files are on this machine."""
    return [pictures]
