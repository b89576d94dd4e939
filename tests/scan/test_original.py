"""The original is kept, not the largest file; where nothing tells which it is, none is proposed."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from neardup.images.reading import read_image
from neardup.images.traces import find_traces, jpeg_quality
from neardup.library.file import Facts, File, Picture, read_facts
from neardup.scan.decisions import Decisions
from neardup.scan.matching import why_first
from neardup.scan.original import UNDECIDED, Look, Originals, original
from neardup.scan.result import Member
from neardup.verify.match import Kind, Match

MADE_BY_CAMERA = Image.Exif()
MADE_BY_CAMERA[0x010F] = "Maker"


@pytest.fixture(scope="module")
def photo(textured):
    """(300, 300, 3) uint8 with detail at all sizes and tones short of black and white."""
    pixels = textured(2).astype(np.float32)
    rng = np.random.default_rng(0)
    fine = rng.normal(0, 12, (300, 300, 1)).astype(np.float32)
    fine = np.stack([fine[..., 0]] * 3, axis=2)
    fine[:, :100] = 0  # and a smooth part
    return np.clip(40 + pixels * 0.68 + fine * (pixels > 90), 20, 235).astype(np.uint8)


def saved(pixels: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def look(data: bytes) -> Look:
    return Look(read_facts(data), find_traces(read_image(data), jpeg_quality(data)))


def noisy(pixels):
    noise = np.random.default_rng(1).normal(0, 25, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def speckled(pixels):
    where = np.random.default_rng(1).random(pixels.shape[:2]) < 0.05
    pixels = pixels.copy()
    pixels[where] = np.where(np.random.default_rng(2).random((where.sum(), 1)) < 0.5, 0, 255)
    return pixels


def framed(pixels):
    return np.pad(pixels, ((30, 30), (30, 30), (0, 0)), constant_values=255)


def captioned(pixels):
    band = np.full((45, pixels.shape[1], 3), 255, np.uint8)
    band[12:30, 20:200:3] = 0
    return np.concatenate([pixels, band])


def enlarged(pixels):
    return np.asarray(Image.fromarray(pixels).resize((600, 600), Image.Resampling.BICUBIC))


def stretched(pixels):
    return np.asarray(Image.fromarray(pixels).resize((405, 300), Image.Resampling.BICUBIC))


def shrunk(pixels):
    return np.asarray(Image.fromarray(pixels).resize((150, 150)))


def blurred(pixels):
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(3)))


def grey(pixels):
    return np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))


def brightened(pixels):
    return np.clip(pixels.astype(np.float32) + 90, 0, 255).astype(np.uint8)


def darkened(pixels):
    return (pixels * 0.6).astype(np.uint8)


def turned(pixels):
    return np.asarray(Image.fromarray(pixels).rotate(8, Image.Resampling.BICUBIC))


EDITS = {
    noisy: "the other is noisy",
    speckled: "the other is noisy",
    framed: "the other has a border or a caption added",
    captioned: "the other has a border or a caption added",
    enlarged: "the other was enlarged or blurred",
    stretched: "the other was enlarged or blurred",
    shrunk: "it has more pixels: 300 x 300",
    blurred: "the other was enlarged or blurred",
    grey: "the other has lost its colours",
    brightened: "the other's tones are cut off",
    darkened: "the other's tones are fewer",
    turned: "the other was",
}


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_original_beats_its_edit_from_either_side(photo, edit, kind):
    options = {"quality": 90} if kind == "JPEG" else {}
    first, second = look(saved(photo)), look(saved(edit(photo), kind, **options))
    winner, why = original(first, second)
    assert (winner, why[: len(EDITS[edit])]) == (-1, EDITS[edit])
    assert original(second, first) == (1, why)


def test_a_hard_compression_loses(photo):
    first, second = look(saved(photo)), look(saved(photo, "JPEG", quality=15))
    assert original(first, second) == (-1, "the other was compressed harder")


def test_nothing_tells_a_mirror_image_from_its_original(photo):
    first, second = look(saved(photo)), look(saved(np.ascontiguousarray(photo[:, ::-1])))
    assert original(first, second) == (0, UNDECIDED)


def test_the_cameras_file_beats_a_processed_one(photo):
    camera = look(saved(photo, "JPEG", quality=85, exif=MADE_BY_CAMERA))
    large = look(saved(enlarged(photo), "JPEG", quality=60))
    assert original(large, camera)[0] == 1


@pytest.mark.parametrize(
    ("kind", "inside", "winner"),
    [(Kind.CROP, "b", -1), (Kind.CROP, "a", 1), (Kind.FRAMED, "a", -1), (Kind.COLLAGE, "b", 1)],
)
def test_what_the_second_look_found_decides(photo, kind, inside, winner):
    same = look(saved(photo))
    assert original(same, same, Match(kind=kind, inside=inside))[0] == winner


def test_tiny_and_plain_pictures_have_no_traces():
    for shape in ((1, 1, 3), (5, 40, 3), (40, 5, 3), (64, 64, 3)):
        plain = look(saved(np.full(shape, 200, np.uint8)))
        assert original(plain, plain) == (0, UNDECIDED)


@pytest.mark.parametrize("quality", [30, 50, 75, 95])
def test_quality_is_read_from_the_file(photo, quality):
    assert jpeg_quality(saved(photo, "JPEG", quality=quality)) == pytest.approx(quality, abs=2)
    assert jpeg_quality(saved(photo)) == 100


def test_a_scan_keeps_the_original_and_leaves_the_undecided_alone(photo, run_scan, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "b original.png").write_bytes(saved(photo))
    (folder / "a noisy.png").write_bytes(saved(noisy(photo)))
    other = np.rot90(photo)[:, :200]
    (folder / "c.png").write_bytes(saved(np.ascontiguousarray(other)))
    (folder / "d.bmp").write_bytes(saved(np.ascontiguousarray(other), "BMP"))
    _, _, groups = run_scan(folder, "--at", "0.6")
    first = {group["files"][0]["path"].rsplit("/", 1)[1]: group for group in groups}
    assert first["b original.png"]["proposed"]
    assert first["b original.png"]["why"] == "the other is noisy"
    (undecided,) = (group for group in groups if not group["proposed"])
    assert undecided["why"] == UNDECIDED
    assert json.dumps(groups)


@pytest.mark.parametrize("kind", [Kind.OVERLAP, Kind.COLLAGE, Kind.SCENE])
def test_what_either_may_show_alone_is_never_proposed_to_go(kind):
    facts = Facts(width=9, height=9, format="PNG", taken="", camera=True)
    first, second = (
        Picture(facts, (File(path=Path(name), bytes=1, modified=0, sha256=name, link=False),))
        for name in "ab"
    )
    members = (Member(first, 0.0, 1.0), Member(second, 0.1, 1.0, Match(kind=kind, inside="a")))
    why, proposed = why_first(members, Decisions(), Originals({}))
    assert not proposed
    assert why == "each may show what the other does not"


def test_a_part_is_never_preferred_to_its_whole(photo):
    part = look(saved(photo[20:280, 20:280], "JPEG", quality=95, exif=MADE_BY_CAMERA))
    whole = look(saved(photo, "JPEG", quality=15))
    assert original(part, whole, Match(kind=Kind.CROP, inside="a"))[0] >= 0
