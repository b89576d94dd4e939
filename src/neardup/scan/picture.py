"""A picture: one content and the files that hold it."""

from dataclasses import dataclass
from pathlib import Path

from neardup.scan.contents import File
from neardup.scan.facts import Facts


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
    def preference(self) -> tuple[object, ...]:
        """Which of several near-duplicates to keep, smallest first: most pixels, most bytes,
        a camera's own file before a processed one, then as for identical files."""
        pixels = self.facts.width * self.facts.height
        return -pixels, -self.files[0].bytes, not self.facts.camera, self.files[0].preference
