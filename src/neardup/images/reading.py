"""Reading any picture into one form: (H, W, 3) uint8 RGB, upright, on white."""

import importlib
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError, features

from neardup.errors import ImageError
from neardup.files import content_hash, list_files, os_reason, require_regular
from neardup.images.raw import is_raw, open_raw, require_rawpy

__all__ = [
    "MAX_PIXELS",
    "ImageSource",
    "check_header",
    "content_hash",
    "list_files",
    "read_image",
    "source_name",
]

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[np.generic]

MAX_PIXELS = 178_956_970
"""A picture of more pixels is refused as a decompression bomb (Pillow's own limit)."""

_ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(source: ImageSource, *, min_side: int | None = None) -> npt.NDArray[np.uint8]:
    """Read one picture; what it is decides, not what it is called.

    EXIF orientation is applied, transparency is composited on white, animations give their first
    frame. 16-bit samples are divided by 257; float and 32-bit samples are taken as [0, 1],
    [0, 255] or [0, 65535], the first that holds them all, and stretched from their minimum to
    their maximum otherwise. CMYK and LAB are converted without regard to embedded profiles. A RAW
    file gives the camera's preview, or half its size where there is none.

    Args:
        source: a path, a file's bytes, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4): RGB order; uint8, bool, uint16, or float in [0, 1].
        min_side: the decoder may shrink the picture (JPEG only: by 2, 4 or 8) so long as both
            sides stay at least this many pixels. None: full size.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: with a reason a person understands.
    """
    name = source_name(source)
    try:
        if isinstance(source, np.ndarray):
            return _from_array(source)
        if isinstance(source, Image.Image):
            return _decode(source, None)
        if isinstance(source, bytes):
            return _open(io.BytesIO(source), min_side)
        require_regular(source)
        with open(source, "rb") as file:
            return _open(file, min_side)
    except ImageError as error:
        raise ImageError(name, error.reason) from error
    except Exception as error:  # decoders raise anything: struct.error, IndexError, SyntaxError...
        raise ImageError(name, _reason(error)) from error


def check_header(file: IO[bytes]) -> None:
    """Refuse what its first bytes show to be no picture, without reading the rest.

    Args:
        file: at its start, where it also ends up.

    Raises:
        ImageError: with a reason a person understands.
    """
    try:
        if is_raw(file):
            require_rawpy()
        else:
            with opened(file):
                pass
        file.seek(0)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError("", _reason(error)) from error


def source_name(source: ImageSource) -> str:
    """What to call a picture in a message."""
    if isinstance(source, (str, Path)):
        return str(source)
    if isinstance(source, np.ndarray):
        return f"array of shape {source.shape} and type {source.dtype}"
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "") or f"{source.mode} image {source.size}")
    if isinstance(source, bytes):
        return f"{len(source)} bytes"
    return str(source)


def _open(file: IO[bytes], min_side: int | None) -> npt.NDArray[np.uint8]:
    with opened(file) as image:
        return _decode(image, min_side)


@contextmanager
def opened(file: IO[bytes]) -> Iterator[Image.Image]:
    """What a file holds, by its content; only a RAW file may have been decoded already.

    Args:
        file: at its start.

    Raises:
        ImageError: it is empty, or needs a package that is not installed.
        Exception: whatever decoders raise.
    """
    head = file.read(64)
    file.seek(0)
    if not head:
        raise ImageError("", "the file is empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if head[4:8] == b"ftyp":
            _enable(_brands(head))
        raw = open_raw(file, max_pixels=MAX_PIXELS) if is_raw(file) else None
        file.seek(0)
        with raw or Image.open(file) as image:
            yield image


def _decode(image: Image.Image, min_side: int | None) -> npt.NDArray[np.uint8]:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError("", f"too large: {width} x {height} pixels")
    if width == 0 or height == 0:
        raise ImageError("", f"it has no pixels ({width} x {height})")
    if image.format == "EPS":  # decoding would run an external program
        raise ImageError("", "EPS is a program, not a picture; convert it first")
    orientation = _orientation(image)
    if min_side is not None:
        image.draft(None, (min_side, min_side))
    rgb = to_rgb(image)
    if orientation in _TRANSPOSE:
        rgb = rgb.transpose(_TRANSPOSE[orientation])
    return np.array(rgb)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF does not make the picture unreadable
        return 1


def _from_array(array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ImageError("", "expected the shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = sixteen_to_eight(array.astype(np.uint16))
    elif array.dtype.kind == "f":
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise ImageError("", "expected float values in [0, 1]; divide by the maximum first")
        array = unit_to_byte(array.astype(np.float32))
    elif array.dtype != np.uint8:
        raise ImageError("", "expected the type uint8, bool, uint16 or float")
    return np.array(to_rgb(Image.fromarray(np.ascontiguousarray(array))))


def _brands(head: bytes) -> set[bytes]:
    """What a file in boxes says it is: its own brand and those it agrees with."""
    end = min(int.from_bytes(head[:4]), len(head))
    return {head[at : at + 4] for at in range(8, end - 3, 4)}


def _enable(brands: set[bytes]) -> None:
    if brands & {b"avif", b"avis"}:
        if not features.check("avif"):
            raise ImageError("", "AVIF needs Pillow 11.3 or newer: pip install -U pillow")
        return
    if not brands & {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}:
        return
    try:
        pillow_heif = importlib.import_module("pillow_heif")
    except ImportError:
        raise ImageError("", "HEIC needs one more package: pip install 'neardup[heic]'") from None
    pillow_heif.register_heif_opener()


def _reason(error: Exception) -> str:
    match error:
        case UnidentifiedImageError():
            return "not a picture, or of a format that cannot be read"
        case Image.DecompressionBombError():
            return f"too large: {str(error).removeprefix('Image size (').split(' ')[0]} pixels"
        case MemoryError():
            return "not enough memory to decode it"
        case OSError() if error.errno is not None:
            return os_reason(error)
    text = str(error) or type(error).__name__
    if any(hint in text for hint in ("truncated", "not enough image data", "buffer overrun")):
        return "truncated: the file ends before the picture does"
    if "nsupported" in text:
        return f"a variant that cannot be read: {text}"
    return f"damaged: {text}"


BACKGROUND = (255, 255, 255)
"""What shows through transparent pixels."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB; transparency is composited on :data:`BACKGROUND`."""
    if image.mode == "RGB" and "transparency" not in image.info:
        image.load()
        return image
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_to_byte(image)).convert("RGB")
    if image.has_transparency_data:
        return _on_background(image)
    return image.convert("RGB")


def unit_to_byte(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Float samples in [0, 1], any shape, to uint8."""
    return np.asarray(np.rint(samples * 255), dtype=np.uint8)


def sixteen_to_eight(samples: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """uint16 samples, any shape, to uint8: divided by 257 and rounded."""
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _on_background(image: Image.Image) -> Image.Image:
    image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    background = Image.new("RGBA", image.size, (*BACKGROUND, 255))
    return Image.alpha_composite(background, image).convert("RGB")


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None  # only an in-place conversion returns None
    return converted


def _to_byte(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Samples of more than 8 bits, (H, W), to uint8: see ``read_image`` for the scaling."""
    samples = np.asarray(image)
    if samples.dtype.kind == "u" and samples.dtype.itemsize == 2:
        return sixteen_to_eight(samples)
    values = np.nan_to_num(samples.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0:
        for top in (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0):
            if high <= top:
                return unit_to_byte(values / top)
    return unit_to_byte((values - low) / max(high - low, 1e-12))
