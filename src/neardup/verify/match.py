"""What the second look says of a pair: which kind of copy it is, in words people use."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from neardup.verify.agreement import overlap_agreement
from neardup.verify.alignment import Transform, align
from neardup.verify.features import Features, opencv

Quad = npt.NDArray[np.float64]

_LEAST_AGREEMENT = 0.4
_SCENE_RESIDUAL = 0.6
_SCENE_AGREEMENT = 0.8
_WHOLE = 0.92  # of a frame's area: the rest is rounding, or a few pixels trimmed
_TURNED = 2.0  # degrees
_STEP = 2.2  # a pasted picture's edge, in the picture's own differences of neighbouring pixels
_PLAIN = 8.0  # grey levels from the median of what surrounds the part
_SPANS = 0.95  # of the whole's width or height: a band above or below, not a collage


class Kind(StrEnum):
    """How two pictures belong together."""

    IDENTICAL = "identical"
    SAME = "same picture"
    CROP = "crop"
    FRAMED = "framed or captioned"
    COLLAGE = "part of a collage"
    OVERLAP = "overlapping parts"
    SCENE = "same scene, another shot"
    UNVERIFIED = "not shown to be copies"

    @property
    def of_parts(self) -> bool:
        """Whether either picture may show what the other lacks."""
        return self in (Kind.OVERLAP, Kind.COLLAGE, Kind.SCENE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """That a picture B shows what a picture A shows, and how.

    Attributes:
        kind: see :class:`Kind`; ``SCENE`` is a doubt: bursts look so, and heavy blur.
        transform: where A's pixels lie in B; None for identical files.
        agreement: correlation of the aligned overlap, in [-1, 1].
        inside: "a" where A lies inside B (A is B's crop, or is framed by it), "b" where B lies
            inside A, None where neither does.
        box: x, y, width and height, in whole pixels, of that part within the other picture.
        zoom: side of the whole over side of the part, at least 1.
        size_a, size_b: width and height of the two pictures, in pixels; (0, 0) if not known.
        distance: L2 of their embeddings, in [0, 2]; None where nobody asked.
        probability: that they are one picture, in (0, 1]; None where it is not known.
    """

    kind: Kind
    transform: Transform | None = None
    agreement: float = 1.0
    inside: str | None = None
    box: tuple[int, int, int, int] | None = None
    zoom: float = 1.0
    size_a: tuple[int, int] = (0, 0)
    size_b: tuple[int, int] = (0, 0)
    distance: float | None = None
    probability: float | None = None

    @property
    def inliers(self) -> int:
        """How many keypoints agree."""
        return 0 if self.transform is None else self.transform.inliers

    @property
    def mirrored(self) -> bool:
        """Whether one is the other's mirror image."""
        return self.transform is not None and self.transform.mirrored

    def sentence(self, a: str = "A", b: str = "B") -> str:
        """The match in words: ``B is a crop of A (zoom 1.5x, from x=120 y=44), mirrored``."""
        part, whole = (a, b) if self.inside == "a" else (b, a)
        at = "" if self.box is None else f"from x={self.box[0]} y={self.box[1]}"
        match self.kind:
            case Kind.CROP:
                text = f"{part} is a crop of {whole} (zoom {self.zoom:.1f}x, {at})"
            case Kind.FRAMED:
                text = f"{whole} is {part} framed or captioned ({at})"
            case Kind.COLLAGE:
                text = f"{part} is part of {whole} ({at}), beside something else"
            case Kind.OVERLAP:
                text = f"{a} and {b} are overlapping parts of one picture"
            case Kind.IDENTICAL | Kind.UNVERIFIED:
                text = f"{a} and {b} are {self.kind}"
            case _:
                text = f"{a} and {b} are the {self.kind}"
        return text + self._turns(b)

    def reversed(self) -> "Match":
        """The same, seen from B."""
        transform = None if self.transform is None else self.transform.inverse()
        inside = {"a": "b", "b": "a"}.get(self.inside or "")
        return replace(
            self, transform=transform, inside=inside, size_a=self.size_b, size_b=self.size_a
        )

    def _turns(self, b: str) -> str:
        if self.transform is None:
            return ""
        text = ", mirrored" if self.mirrored else ""
        turned = round(self.transform.rotation)
        if abs(turned) <= _TURNED:
            return text
        if abs(turned) == 180:
            return text + f", {b} upside down"
        return (
            text + f", {b} turned {abs(turned)}° {'clockwise' if turned > 0 else 'anticlockwise'}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_dict` is the way back."""
        written = asdict(self)
        if self.transform is not None:
            written["transform"]["matrix"] = self.transform.matrix.tolist()
        return written

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Self:
        """A match from what :meth:`as_dict` wrote."""
        transform = written["transform"]
        if transform is not None:
            transform = Transform(**{**transform, "matrix": np.array(transform["matrix"])})
        tuples = {
            name: None if written[name] is None else tuple(written[name])
            for name in ("box", "size_a", "size_b")
        }
        return cls(**{**written, **tuples, "kind": Kind(written["kind"]), "transform": transform})


IDENTICAL = Match(kind=Kind.IDENTICAL)


def verify(a: Features, b: Features) -> Match | None:
    """Whether and how two pictures are copies of one another, by their local features.

    Returns:
        None where it cannot be shown: few keypoints agree, or the aligned pictures differ. Pictures
        of little texture (a page, a product on white) cannot be verified.
    """
    transform = align(a, b)
    if transform is None:
        return None
    agreement = overlap_agreement(a, b, transform)
    if agreement < _LEAST_AGREEMENT:
        return None
    match = Match(
        kind=Kind.SAME,
        transform=transform,
        agreement=agreement,
        size_a=(a.width, a.height),
        size_b=(b.width, b.height),
    )
    match = _placed(a, b, match)
    if transform.residual > _SCENE_RESIDUAL and agreement < _SCENE_AGREEMENT:
        return replace(match, kind=Kind.SCENE)
    return match


def _placed(a: Features, b: Features, match: Match) -> Match:
    """The match with its kind: which of the two frames lies within the other."""
    assert match.transform is not None
    a_in_b = match.transform.apply(_frame(a))
    b_in_a = match.transform.inverse().apply(_frame(b))
    common = _common_area(a_in_b, _frame(b))
    share_a, share_b = common / _area(a_in_b), common / _area(_frame(b))
    if min(share_a, share_b) >= _WHOLE:
        return match
    if max(share_a, share_b) < _WHOLE:
        turned = abs(match.transform.rotation) > _TURNED and min(share_a, share_b) > 0.7
        return match if turned else replace(match, kind=Kind.OVERLAP)
    inside = "a" if share_a > share_b else "b"
    whole, part = (b, a_in_b) if inside == "a" else (a, b_in_a)
    return replace(
        match,
        kind=_surroundings(whole, part),
        inside=inside,
        box=_box(whole, part),
        zoom=float(1 / np.sqrt(min(share_a, share_b))),
    )


def _surroundings(whole: Features, part: Quad) -> Kind:
    """Whether the part was cut out of the whole, or the whole was laid around the part.

    A picture that goes on beyond the part's edge was cropped; one that begins anew was put there.
    """
    cv2: Any = opencv()
    grey = whole.grey.astype(np.float32)
    height, width = grey.shape
    quad = part * [width / whole.width, height / whole.height]
    centre = quad.mean(axis=0)
    steps, usual = [], []
    for start, end in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        along = start + np.linspace(0.1, 0.9, 60)[:, None] * (end - start)
        inward = (centre - (start + end) / 2) / np.linalg.norm(centre - (start + end) / 2)
        rings = [_sample(grey, along + offset * inward) for offset in (-2.0, 2.0, 6.0, 10.0)]
        if any(ring is None for ring in rings):
            continue  # the part's edge is the whole's edge
        outer, edge, inner, innermost = (ring for ring in rings if ring is not None)
        steps.append(np.abs(outer - edge).mean())
        usual.append((np.abs(edge - inner).mean() + np.abs(inner - innermost).mean()) / 2)
    outside = np.ones(grey.shape, np.uint8)
    cv2.fillConvexPoly(outside, np.rint(quad).astype(np.int32), 0)
    around = grey[cv2.erode(outside, np.ones((5, 5), np.uint8)) > 0]
    median = float(np.median(around)) if len(around) else 0.0
    plain = not len(around) or float((np.abs(around - median) < _PLAIN).mean()) > 0.8
    step = float(np.median(np.array(steps) / (np.array(usual) + 2.0))) if steps else 0.0
    if step < (_STEP / 2 if plain else _STEP):
        return Kind.CROP
    spans = np.ptp(quad, axis=0) > _SPANS * np.array([width, height])
    return Kind.FRAMED if plain or spans.any() else Kind.COLLAGE


def _sample(
    grey: npt.NDArray[np.float32], points: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32] | None:
    """(N,) grey levels at (N, 2) points; None where more than a few lie outside."""
    columns, rows = np.floor(points).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < grey.shape[1]) & (rows < grey.shape[0])
    if inside.mean() < 0.9:
        return None
    rows, columns = np.clip(rows, 0, grey.shape[0] - 1), np.clip(columns, 0, grey.shape[1] - 1)
    return np.asarray(grey[rows, columns])


def _frame(picture: Features) -> Quad:
    width, height = float(picture.width), float(picture.height)
    return np.array([(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)])


def _area(quad: Quad) -> float:
    x, y = quad.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def _common_area(first: Quad, second: Quad) -> float:
    area, _ = opencv().intersectConvexConvex(first.astype(np.float32), second.astype(np.float32))
    return float(area)


def _box(whole: Features, part: Quad) -> tuple[int, int, int, int]:
    limits = np.array([whole.width, whole.height])
    low = np.clip(np.rint(part.min(axis=0)), 0, limits).astype(int)
    high = np.clip(np.rint(part.max(axis=0)), 0, limits).astype(int)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])
