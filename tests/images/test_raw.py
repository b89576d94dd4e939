"""RAW files as a camera writes them, made here and opened by the real library."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from dng import dng
from neardup.errors import ImageError
from neardup.images.reading import check_header, read_image
from neardup.library.file import read_facts

pytest.importorskip("rawpy")


@pytest.fixture
def photo(picture):
    return np.array(picture(1, size=(640, 480)))


def jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def far(a, b):
    return np.abs(a.astype(int) - b).mean()


def test_the_preview_is_read_and_the_facts_are_the_sensors(photo):
    preview = np.ascontiguousarray(photo[:, ::-1])  # not what the sensor saw: so it is told apart
    data = dng(photo, preview=jpeg(preview))
    assert far(read_image(data), preview) < 2
    assert read_image(data, min_side=240).shape == (240, 320, 3)
    facts = read_facts(data)
    assert (facts.width, facts.height, facts.format) == (640, 480, "RAW")
    assert (facts.taken, facts.camera) == ("2024:05:06 07:08:09", True)


@pytest.mark.parametrize("small", [True, False])
def test_without_a_preview_or_with_a_stamp_it_is_developed_at_half_size(photo, small):
    data = dng(photo, preview=jpeg(photo[:90, :120]) if small else None)
    read = read_image(data)
    assert read.shape == (240, 320, 3)
    # Development has a tone curve of its own: the colours need only go together.
    shrunk = np.asarray(Image.fromarray(photo).resize((320, 240)))
    for channel in range(3):
        together = np.corrcoef(read[:, :, channel].ravel(), shrunk[:, :, channel].ravel())
        assert together[0, 1] > 0.95
    assert (read_facts(data).width, read_facts(data).height) == (640, 480)


@pytest.mark.parametrize("with_preview", [True, False])
def test_orientation_is_applied_once(photo, with_preview):
    upright = read_image(dng(photo, preview=jpeg(photo) if with_preview else None))
    for orientation, turns in ((6, -1), (3, 2), (8, 1)):
        preview = jpeg(photo) if with_preview else None
        data = dng(photo, preview=preview, orientation=orientation)
        turned = np.rot90(upright, turns)
        assert far(read_image(data), turned) < 3
        facts = read_facts(data)
        assert (facts.width > facts.height) == (turned.shape[1] > turned.shape[0])


def test_what_is_cut_off_or_only_begins_like_one_is_refused(photo, tmp_path):
    whole = dng(photo)
    for data in (
        whole[: len(whole) // 2],
        whole[:300],
        b"FUJIFILMCCD-RAW " + bytes(500),
        b"II*\0\xff\xff\xff\xff" + bytes(90),
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(500),
    ):
        with pytest.raises(ImageError):
            read_image(data)


def test_a_tiff_that_looks_like_one_is_read_as_a_tiff(photo):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "TIFF", tiffinfo={271: "Scanner", 254: 1})
    assert np.array_equal(read_image(buffer.getvalue()), photo)
    assert read_facts(buffer.getvalue()).format == "TIFF"


def test_the_missing_package_is_named_before_anything_is_read(photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    for read in (read_image, lambda data: check_header(io.BytesIO(data))):
        with pytest.raises(ImageError, match=r"neardup\[raw\]"):
            read(dng(photo))
