"""Which of two copies is the original, told by what processing left in the other.

The larger file is often the worse: noise takes bytes, borders and enlargements have pixels. So
evidence of processing decides, and where there is none, nothing is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from neardup.embedder import available_cores
from neardup.images.raw import RAW
from neardup.images.traces import Traces
from neardup.library.file import Facts, Picture
from neardup.library.intake import Effort, content_task
from neardup.library.pool import WorkerPool
from neardup.progress import progress
from neardup.scan.result import NO_EVIDENCE, Evidence
from neardup.verify.match import Kind, Match

UNDECIDED = "nothing tells which is the original"

_ENOUGH = 1.0
_SOFT, _SOFT_BESIDE_BLOCKS, _SHARP = 0.75, 0.65, 0.85  # shares of the detail
_PASTED = 1.3  # pixels of a part for each of its place
_ENLARGED = 0.5  # of the detail: however grainy the other is
_BLOCKS = 1.15
_TEXTURE = 0.05  # of sharpness: pictures without it tell nothing
_BLURRED, _UNTOUCHED = 0.1, 0.17  # of sharpness: less than a camera makes, and as much
_GRAIN, _NOISY = 2.2, 8.0  # grey levels: as film may have, or a print; and more than that


class Reason(NamedTuple):
    """Attributes:
    weight: how much it speaks; below 1 it does not decide alone.
    words: why, said of the original against the other.
    """

    weight: float
    words: str


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of one picture.

    Attributes:
        facts: what its file says.
        traces: what its pixels show; None where they could not be read.
    """

    facts: Facts
    traces: Traces | None


def original(a: Look, b: Look, match: Match | None = None) -> tuple[int, str]:
    """Which of two copies is the original.

    Args:
        a: the one.
        b: the other.
        match: how ``b`` was made from ``a``, where a second look found that.

    Returns:
        -1 where it is ``a``, 1 where it is ``b``, 0 where nothing tells; and why, in words.
    """
    raw = [look.facts.format == RAW for look in (a, b)]
    if raw[0] != raw[1]:
        return (-1 if raw[0] else 1), "it is the camera's RAW file"
    for_a, for_b = list(_reasons(a, b)), list(_reasons(b, a))
    if match is not None and _pasted(a, b, match):
        return 0, UNDECIDED
    whole = _by_match(match)
    if whole is not None:
        (for_a if whole.first else for_b).append(whole.reason)
    balance = sum(r.weight for r in for_a) - sum(r.weight for r in for_b)
    if abs(balance) < _ENOUGH:
        return 0, UNDECIDED
    is_crop = match is not None and match.kind is Kind.CROP
    if is_crop and whole is not None and whole.first != (balance > 0):
        return 0, UNDECIDED  # the part is never preferred to the whole
    reasons = for_a if balance > 0 else for_b
    return (-1 if balance > 0 else 1), max(reasons, key=lambda reason: reason.weight).words


class _Whole(NamedTuple):
    first: bool
    reason: Reason


def _by_match(match: Match | None) -> _Whole | None:
    if match is None or match.inside is None:
        return None
    if match.kind is Kind.CROP:
        return _Whole(match.inside == "b", Reason(4, "the other is a crop of it"))
    if match.kind is Kind.FRAMED:
        return _Whole(match.inside == "a", Reason(4, "the other has a border or a caption added"))
    if match.kind is Kind.COLLAGE:
        return _Whole(match.inside == "a", Reason(4, "the other shows it beside something else"))
    return None


def _pasted(a: Look, b: Look, match: Match) -> bool:
    """Whether what looks like a crop has more pixels than its place in the whole, and the detail to
    go with them: then it was rather put there, and nothing shows where it ends."""
    if match.kind is not Kind.CROP or match.box is None:
        return False
    part, whole = (a, b) if match.inside == "a" else (b, a)
    place = match.box[2] * match.box[3]
    detail = _detail(part, whole)
    return _pixels(part) > _PASTED * place and detail is not None and fmean(detail) > _SOFT


def _reasons(one: Look, other: Look) -> Iterator[Reason]:
    """What speaks for the one, against the other."""
    if one.facts.camera and not other.facts.camera:
        yield Reason(3, "a camera wrote it")
    if one.traces is None or other.traces is None:
        return
    a, b = one.traces, other.traces
    if _noisy(b, a) or _specked(b, a):
        yield Reason(3, "the other is noisy")
    framed = _framed(one, other)
    if framed:
        yield Reason(3, "the other has a border or a caption added")
    elif _larger(one, other):
        yield Reason(2, f"it has more pixels: {one.facts.width} x {one.facts.height}")
    if a.colour > 6 and b.colour < 1 and not _grainier(a, b):
        yield Reason(3, "the other has lost its colours")
    if _pixels(other) > 1.5 * _pixels(one) and fmean(_detail(other, one) or (1,)) < _ENLARGED:
        yield Reason(2, "the other was enlarged or blurred")
        return
    if _grainier(a, b) or _grainier(b, a):
        return  # grain hides edges, corners, colours and the lack of them
    if b.plain_corners == 4 and a.plain_corners < 3 and not framed:
        yield Reason(2, "the other was turned")
    if _compressed(other, one) or b.quality < min(70, a.quality - 10):
        yield Reason(2, "the other was compressed harder")
    if _softer(other, one):
        yield Reason(2, "the other was enlarged or blurred")
    if not framed and not _framed(other, one):
        # In between nothing tells a stretched copy from a dimmed one.
        if b.span < 0.75 * a.span and a.cut_off < b.cut_off + 0.02:
            yield Reason(1, "the other's tones are fewer")
        elif (b.span < 1.12 * a.span and b.cut_off > 4 * a.cut_off + 0.02) or (
            b.span < 1.4 * a.span and b.cut_off > 4 * a.cut_off + 0.06
        ):
            yield Reason(1.5, "the other's tones are cut off")


def _noisy(one: Traces, other: Traces) -> bool:
    """Whether noise was added to the one, rather than film's grain smoothed away in the other."""
    if one.noise * other.span < 3 * other.noise * one.span:
        return False
    sharper = min(
        one.sharpness_x / max(other.sharpness_x, 1e-6),
        one.sharpness_y / max(other.sharpness_y, 1e-6),
    )
    detail = min(other.sharpness_x, other.sharpness_y)
    if one.noise > _NOISY:
        return detail > _BLURRED
    # Film's grain goes with turning, enlarging and hard compression, which leave other traces.
    untouched = detail > _UNTOUCHED and other.quality > 60 and other.plain_corners < 4
    return one.noise > _GRAIN and sharper > 1.35 and untouched


def _specked(one: Traces, other: Traces) -> bool:
    return one.specks > other.specks + 0.025 and one.specks > 3 * other.specks


def _grainier(one: Traces, other: Traces) -> bool:
    """Whether the one may owe its fine contrast to noise."""
    return (one.noise > 2 and one.noise > 2.5 * other.noise) or _specked(one, other)


def _same_proportions(one: Look, other: Look) -> bool:
    proportions = one.facts.width / one.facts.height * other.facts.height / other.facts.width
    return 0.96 < proportions < 1.04


def _pixels(look: Look) -> int:
    return look.facts.width * look.facts.height


def _detail(one: Look, other: Look) -> tuple[float, float] | None:
    """The sharpness of the one along x and y, as a share of what an original of the other has.

    The longer a side, the less sharp it may be: an enlargement to three times the size has a third
    of the detail. None where the other has no texture.
    """
    assert one.traces is not None
    assert other.traces is not None
    a, b = one.traces, other.traces
    if min(b.sharpness_x, b.sharpness_y) < _TEXTURE:
        return None
    return (
        a.sharpness_x / b.sharpness_x * max(one.facts.width / other.facts.width, 1.0) ** 0.5,
        a.sharpness_y / b.sharpness_y * max(one.facts.height / other.facts.height, 1.0) ** 0.5,
    )


def _softer(one: Look, other: Look) -> bool:
    """Whether the one was blurred or enlarged, along any side that is not shorter than the other's.

    A picture may be soft along one side by itself, so that of equal proportions both count. The
    edges of JPEG's blocks look sharp: beside them more must be missing.
    """
    assert other.traces is not None
    detail = _detail(one, other)
    if detail is None:
        return False
    limit = _SOFT if other.traces.blocks < _BLOCKS else _SOFT_BESIDE_BLOCKS
    if _pixels(one) < 1.2 * _pixels(other):
        limit -= 0.07  # a change of tones sharpens a copy, too
    if _same_proportions(one, other):
        return one.facts.width > 0.95 * other.facts.width and fmean(detail) < limit
    longer = one.facts.width / other.facts.width, one.facts.height / other.facts.height
    return any(share < limit for share, by in zip(detail, longer, strict=True) if by > 0.95)


def _compressed(one: Look, other: Look) -> bool:
    """Whether the one shows JPEG's blocks where the other has none, and is no sharper for all that.

    Turning or blurring a picture takes its blocks away, too, but not without its sharpness.
    """
    assert one.traces is not None
    assert other.traces is not None
    blocks = one.traces.blocks
    if blocks < 1.2 * other.traces.blocks:
        return False
    return blocks > 1.35 or (blocks > 1.25 and fmean(_detail(other, one) or (0,)) > 1.2)


def _larger(one: Look, other: Look) -> bool:
    """Whether the one has more pixels, and the detail that belongs to them."""
    assert one.traces is not None
    assert other.traces is not None
    bands = one.traces.plain_rows - other.traces.plain_rows
    bands = max(bands, one.traces.plain_columns - other.traces.plain_columns)
    if _pixels(one) < 1.1 * _pixels(other) or not _same_proportions(one, other) or bands > 0.03:
        return False
    detail = _detail(one, other)
    return detail is not None and min(detail) > _SHARP


def _framed(one: Look, other: Look) -> bool:
    """Whether the other has bands of one colour without which it has the one's proportions."""
    assert one.traces is not None
    assert other.traces is not None
    rows, columns = other.traces.plain_rows, other.traces.plain_columns
    own = max(one.traces.plain_rows, one.traces.plain_columns)
    if max(rows, columns) < 0.03 or own > 0.01:
        return False  # what is plain in both was so from the beginning
    proportions = one.facts.width / one.facts.height
    width, height = other.facts.width, other.facts.height
    # Letters may hide where a caption's band ends, so that more of it may be added than is plain.
    added_rows, added_columns = 1 - width / proportions / height, 1 - height * proportions / width
    if min(rows, columns) < 0.01:
        return rows < added_rows + 0.03 if rows > columns else columns < added_columns + 0.03
    return 0.94 < width * (1 - columns) / (height * (1 - rows)) / proportions < 1.06


class Originals:
    """Tells originals from copies among the pictures of a scan.

    Args:
        traces: by sha256, of those that could be read.
        evidence: how copies were made, where a second look found that.
    """

    def __init__(self, traces: Mapping[str, Traces], evidence: Evidence = NO_EVIDENCE) -> None:
        self._traces = traces
        self._evidence = evidence

    def compare(self, a: Picture, b: Picture) -> tuple[int, str]:
        """See :func:`original`."""
        one, other = (Look(each.facts, self._traces.get(each.sha256)) for each in (a, b))
        return original(one, other, self._evidence.match(a, b))


def read_traces(pictures: Sequence[Picture], effort: Effort) -> dict[str, Traces]:
    """Traces by sha256, of the pictures that can be read, at their full size."""
    tasks = (content_task("traces", picture.files) for picture in pictures)
    workers = min(effort.workers or available_cores(), max(1, len(pictures)))
    show = effort.show_progress and bool(pictures)
    found = {}
    with (
        WorkerPool(workers, seconds=effort.seconds_per_file) as pool,
        progress("Originals", len(pictures), show=show) as advance,
    ):
        for picture, (header, _) in zip(pictures, pool.map(tasks), strict=True):
            if header.pop("error") is None:
                found[picture.sha256] = Traces(**header)
            advance(1)
    return found
