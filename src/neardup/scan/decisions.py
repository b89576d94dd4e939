"""What a person decided on the report's page, honoured by whatever is run next.

A JSON file: ``{"format": 2, "encoder": sha256, "pictures": N, "pairs": [{"a": sha256, "b": sha256,
"same": true, "distance": 0.9, "evidence": [...] or null}, ...], "keep": [sha256, ...]}``. It names
contents, not paths, so that decisions survive renaming and moving. Format 1, which is still read,
has only ``"different": [[sha256, sha256], ...]`` in the place of the pairs.
"""

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from neardup.errors import NeardupError, in_words

FORMAT = 2
_PAIRS_ONLY = 1


@dataclass(frozen=True, slots=True)
class DecidedPair:
    """Two contents that a person compared.

    Attributes:
        a, b: sha256, the smaller first; the same twice: files that are identical.
        same: whether the person said that they show the same picture.
        distance: L2, in [0, 2], as the person's scan measured it; None: not recorded.
        evidence: what the second look had found: see ``neardup.probability.evidence``; None: there
            was none.
    """

    a: str
    b: str
    same: bool
    distance: float | None = None
    evidence: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """Attributes:
    pairs: that were decided.
    keep: contents, by sha256, that are to stay; they come first in their group.
    encoder: sha256 of the encoder that measured the distances; None: not recorded.
    pictures: how many were compared; None: not recorded.
    """

    pairs: tuple[DecidedPair, ...] = ()
    keep: frozenset[str] = frozenset()
    encoder: str | None = None
    pictures: int | None = None

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that the report's page exported.

        Raises:
            NeardupError: missing, or not such a file.
        """
        try:
            written = json.loads(Path(path).read_text(encoding="utf-8"))
            if written["format"] not in (FORMAT, _PAIRS_ONLY):
                raise ValueError(f"format {written['format']!r}, expected {FORMAT}")
            pairs = {(pair.a, pair.b): pair for pair in _pairs(written)}
            pictures = written.get("pictures")
            return cls(
                tuple(pairs[key] for key in sorted(pairs)),
                frozenset(map(str, written["keep"])),
                written.get("encoder"),
                None if pictures is None else int(pictures),
            )
        except OSError as error:
            raise NeardupError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NeardupError(f"{path} is not a file of decisions: {in_words(error)}") from error

    @property
    def same(self) -> frozenset[tuple[str, str]]:
        """The pairs of contents that were accepted, whatever their distance."""
        return frozenset((pair.a, pair.b) for pair in self.pairs if pair.same)

    @property
    def different(self) -> frozenset[tuple[str, str]]:
        """The pairs of contents that were rejected, whatever their distance."""
        return frozenset((pair.a, pair.b) for pair in self.pairs if not pair.same)

    def stray(self, known: Container[str]) -> int:
        """How many decisions name a content, by sha256, that is not among the known."""
        pairs = sum(not (pair.a in known and pair.b in known) for pair in self.pairs)
        return pairs + sum(sha256 not in known for sha256 in self.keep)

    def __len__(self) -> int:
        return len(self.pairs) + len(self.keep)


def _pairs(written: dict[str, Any]) -> Iterator[DecidedPair]:
    if written["format"] == _PAIRS_ONLY:
        for a, b in written["different"]:
            yield DecidedPair(*ordered(str(a), str(b)), same=False)
        return
    for pair in written["pairs"]:
        if not isinstance(pair["same"], bool):
            raise TypeError(f"'same' of a pair is {pair['same']!r}, neither true nor false")
        distance, evidence = pair.get("distance"), pair.get("evidence")
        yield DecidedPair(
            *ordered(str(pair["a"]), str(pair["b"])),
            same=pair["same"],
            distance=None if distance is None else float(distance),
            evidence=None if evidence is None else tuple(float(each) for each in evidence),
        )


def ordered(a: str, b: str) -> tuple[str, str]:
    """The two, smaller first."""
    return (a, b) if a <= b else (b, a)
