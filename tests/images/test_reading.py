import contextlib
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from neardup.errors import ImageError
from neardup.images.reading import content_hash, list_files, read_image

RED = (200, 40, 30)


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_every_mode_looks_like_the_rgb_picture(picture, mode):
    image = picture(1)
    expected = np.asarray(image.convert(mode).convert("RGB") if mode in "1L" else image)
    if mode in ("LA", "PA"):
        expected = np.asarray(image.convert(mode[0]).convert("RGB"))
    read = read_image(image.convert(mode[0]).convert(mode) if mode == "PA" else image.convert(mode))
    assert read.dtype == np.uint8
    assert read.shape == (120, 160, 3)
    tolerance = 20 if mode == "P" else 3
    assert np.abs(read.astype(int) - expected).mean() < tolerance


@pytest.mark.parametrize("mode", ["I", "F"])
def test_eight_bit_values_in_wide_modes_stay_what_they_are(picture, mode):
    grey = picture(2).convert("L")
    assert np.array_equal(read_image(grey.convert(mode)), np.asarray(grey.convert("RGB")))


def test_lab_gives_back_the_colours(picture):
    from PIL import ImageCms

    image = picture(3)
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
    assert np.abs(read_image(lab).astype(int) - np.asarray(image)).mean() < 4


def test_sixteen_bits_are_scaled_to_eight():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, axis=0)
    png = encode(Image.fromarray(ramp), "PNG")
    assert np.array_equal(read_image(png)[0, :, 0], np.arange(256))
    assert np.array_equal(read_image(ramp)[0, :, 0], np.arange(256))
    every = np.arange(65536).astype(np.uint16).reshape(256, 256)
    assert np.array_equal(read_image(every)[:, :, 0], np.rint(every / 257))


def test_float_in_unit_range_and_beyond():
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(4, axis=0)
    for scale in (1, 65535, 1e9):
        read = read_image(encode(Image.fromarray(ramp * np.float32(scale)), "TIFF"))
        assert np.array_equal(read[0, :, 0], np.arange(256))


def test_transparency_shows_white():
    image = Image.new("RGBA", (10, 10), (*RED, 0))
    assert (read_image(encode(image, "PNG")) == 255).all()
    palette = Image.new("P", (10, 10), 1)
    palette.putpalette([0, 0, 0, *RED])
    assert (read_image(encode(palette, "PNG", transparency=1)) == 255).all()
    assert (read_image(encode(palette, "PNG")) == RED).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(picture, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(picture(4), "PNG", exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(read_image(data), np.asarray(expected))


def test_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, (0, 0, 255))]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.abs(read_image(data)[0, 0].astype(int) - RED).max() < 8


def test_the_name_does_not_matter_the_content_does(tmp_path, picture):
    path = tmp_path / "really-a-png.txt"
    path.write_bytes(encode(picture(5), "PNG"))
    assert read_image(path).shape == (120, 160, 3)


def test_decoder_shrinks_but_not_below_min_side(picture):
    data = encode(picture(6, size=(1600, 800)), "JPEG")
    assert read_image(data).shape == (800, 1600, 3)
    assert read_image(data, min_side=150).shape == (200, 400, 3)
    assert read_image(data, min_side=500).shape == (800, 1600, 3)


def test_arrays():
    grey = np.full((4, 6), 7, dtype=np.uint8)
    assert (read_image(grey) == 7).all()
    assert (read_image(grey[:, :, None]) == 7).all()
    assert (read_image(np.ones((4, 6, 3), dtype=np.float32)) == 255).all()
    for wrong in (np.zeros(3, np.uint8), np.zeros((2, 2, 7), np.uint8), np.full((2, 2), 3.5)):
        with pytest.raises(ImageError, match="expected"):
            read_image(wrong)


def test_array_result_does_not_share_memory_with_the_input():
    array = np.zeros((4, 4, 3), dtype=np.uint8)
    read_image(array)[:] = 9
    assert (array == 0).all()


def test_reasons_are_human(tmp_path, picture):
    jpeg = encode(picture(7, size=(400, 300)), "JPEG")
    files = {
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"Dear diary, this is not a picture.", "not a picture"),
        "half.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "phone.heic": (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC|not a picture"),
    }
    for name, (data, reason) in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=reason) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value)
    with pytest.raises(ImageError, match="no such file"):
        read_image(tmp_path / "absent.jpg")
    with pytest.raises(ImageError, match="folder"):
        read_image(tmp_path)


def test_bomb_is_refused_before_it_is_decoded():
    png = bytearray(encode(Image.new("1", (8, 8)), "PNG"))
    png[16:24] = (300_000).to_bytes(4, "big") * 2
    import struct
    import zlib

    png[29:33] = struct.pack(">I", zlib.crc32(bytes(png[12:29])))
    with pytest.raises(ImageError, match="too large"):
        read_image(bytes(png))


def test_large_picture_warns_nobody(picture, recwarn, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15_000)
    read_image(encode(picture(8), "PNG"))
    assert not recwarn.list


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="regular file"):
        read_image(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="regular file"):
        content_hash(tmp_path / "pipe.jpg")


needs_avif = pytest.mark.skipif(not features.check("avif"), reason="Pillow is older than AVIF")


@needs_avif
def test_heic_and_avif_as_phones_write_them(picture, tmp_path):
    heif = pytest.importorskip("pillow_heif")
    image = picture(8, size=(320, 240))
    exif = Image.Exif()
    exif[0x0112] = 6
    heif.from_pillow(image).save(tmp_path / "a.heic", quality=90)
    heif.from_pillow(image).save(tmp_path / "turned.heic", quality=90, exif=exif.tobytes())
    (tmp_path / "b.avif").write_bytes(encode(image, "AVIF", quality=90))
    for name, pixels in (
        ("a.heic", np.asarray(image)),
        ("turned.heic", np.rot90(np.asarray(image), -1)),
        ("b.avif", np.asarray(image)),
    ):
        read = read_image(tmp_path / name)
        assert read.shape == pixels.shape, name
        assert np.abs(read.astype(int) - pixels).mean() < 3, name


@needs_avif
def test_what_the_new_formats_need_is_said(picture, monkeypatch):
    avif = encode(picture(8), "AVIF")
    monkeypatch.setattr("PIL.features.check", lambda feature: False)
    with pytest.raises(ImageError, match="AVIF needs Pillow"):
        read_image(avif)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"neardup\[heic\]"):
        read_image(b"\0\0\0\x18ftypmif1\0\0\0\0heicmif1" + bytes(40))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["", "JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"]))
def test_any_bytes_are_read_or_refused(noise, format):
    data = noise
    if format:  # a real file with a hole punched in it
        whole = encode(Image.new("RGB", (40, 30), RED), format)
        middle = len(whole) // 2
        data = whole[:middle] + noise + whole[middle + len(noise) :]
    with contextlib.suppress(ImageError):
        read = read_image(data)
        assert read.ndim == 3
        assert read.shape[2] == 3
        assert read.dtype == np.uint8


def test_list_files_walks_sorted_and_ends_in_loops(tmp_path):
    for name in ("b/2.jpg", "a/1.jpg", "top.txt", "naïve \n name.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nowhere")
    names = [str(path.relative_to(tmp_path)) for path in list_files(tmp_path)]
    assert names == ["a/1.jpg", "b/2.jpg", "dangling.jpg", "naïve \n name.png", "top.txt"]


def test_list_files_of_nothing(tmp_path):
    assert list_files(tmp_path) == []
    with pytest.raises(ImageError, match="no such"):
        list_files(tmp_path / "absent")


def test_unreadable_folder_is_reported(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    (tmp_path / "open.jpg").write_bytes(b"x")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    errors = []
    files = list_files(tmp_path, on_error=lambda *error: errors.append(error))
    assert [path.name for path in files] == ["open.jpg"]
    assert errors == [(tmp_path / "closed", "no permission to read it")]


def test_content_hash_is_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").write_bytes(b"abc")
    (tmp_path / "c").write_bytes(b"abd")
    hashes = [content_hash(tmp_path / name) for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]
    assert len(hashes[0]) == 64
