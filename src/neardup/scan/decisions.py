"""What a person decided on the report's page, honoured by the next scan.

``{"format": 1, "different": [[sha256, sha256], ...], "keep": [sha256, ...]}``: contents, not
paths, so that decisions survive renaming and moving.
"""

import json
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from neardup.errors import NeardupError, in_words

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Decisions:
    """Attributes:
    different: pairs (smaller hash first) that are not duplicates, whatever their distance.
    keep: contents that come first in their group.
    """

    different: frozenset[tuple[str, str]] = frozenset()
    keep: frozenset[str] = frozenset()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that the report's page exported.

        Raises:
            NeardupError: missing, or not such a file.
        """
        try:
            written = json.loads(Path(path).read_text())
            if written["format"] != FORMAT:
                raise ValueError(f"format {written['format']!r}, expected {FORMAT}")
            different = frozenset(ordered(str(a), str(b)) for a, b in written["different"])
            return cls(different, frozenset(map(str, written["keep"])))
        except OSError as error:
            raise NeardupError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise NeardupError(f"{path} is not a file of decisions: {in_words(error)}") from error

    def stray(self, known: Container[str]) -> int:
        """How many decisions name a content, by sha256, that is not among the known."""
        pairs = sum(not (a in known and b in known) for a, b in self.different)
        return pairs + sum(sha256 not in known for sha256 in self.keep)

    def says_different(self, a: str, b: str) -> bool:
        """Whether the person said that two contents, by sha256, are not duplicates."""
        return ordered(a, b) in self.different


def ordered(a: str, b: str) -> tuple[str, str]:
    """The two, smaller first."""
    return (a, b) if a <= b else (b, a)
