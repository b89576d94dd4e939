"""RAW files of cameras, recognised by their content and read with rawpy.

What is read is the preview that the camera made, or, where there is none, the sensor's pixels
developed at half size.
"""

import importlib
import io
from typing import IO, Any

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from neardup.errors import ImageError

RAW = "RAW"
"""The format of such pictures, beside Pillow's names."""

FULL_SIZE = "full_size"
"""Key of an image's ``info``: width and height, pixels, of the picture that it is a preview of."""

_SMALLEST_PREVIEW = 480  # pixels of the longer side; smaller ones often carry bars

_HEADS = (
    (0, b"FUJIFILMCCD-RAW"),
    (0, b"IIRO"),  # Olympus: three
    (0, b"IIRS"),
    (0, b"MMOR"),
    (0, b"IIU\0"),  # Panasonic, Leica
    (0, b"FOVb"),  # Sigma
    (0, b"\0MRM"),  # Minolta
    (4, b"ftypcrx "),  # Canon: three
    (6, b"HEAPCCDR"),
    (8, b"CR\2"),
)
_TIFF_HEADS = (b"II*\0", b"MM\0*")
_SMALLER_VERSION = 1
_MOSAIC, _LINEAR_RAW = 32803, 34892
_OF_SENSORS = (32767, 34713, 65535)  # compressions of Sony, Nikon, Pentax


def is_raw(file: IO[bytes]) -> bool:
    """Whether a file is RAW, by its head and, where that is a TIFF's, by its first directory.

    Args:
        file: at its start, where it also ends up.
    """
    head = file.read(16)
    try:
        if head[:4] not in _TIFF_HEADS:
            return any(head.startswith(mark, at) for at, mark in _HEADS)
        directory = ImageFileDirectory_v2(head[:8])
        file.seek(directory.next)
        directory.load(file)
        tags = dict(directory)
    except Exception:  # a damaged TIFF: Pillow will say how
        return False
    finally:
        file.seek(0)
    Tag = ExifTags.Base
    if head.startswith(b"CR\2", 8) or Tag.DNGVersion in tags:
        return True
    return Tag.Make in tags and (
        tags.get(Tag.NewSubfileType) == _SMALLER_VERSION
        or tags.get(Tag.PhotometricInterpretation) in (_MOSAIC, _LINEAR_RAW)
        or tags.get(Tag.Compression) in _OF_SENSORS
    )


def require_rawpy() -> Any:
    """The library.

    Raises:
        ImageError: it is not installed.
    """
    try:
        return importlib.import_module("rawpy")
    except ImportError:
        raise ImageError("", "RAW needs one more package: pip install 'neardup[raw]'") from None


def open_raw(file: IO[bytes], *, max_pixels: int) -> Image.Image | None:
    """The camera's preview, or the picture at half size; None where LibRaw does not know the file.

    Args:
        file: at its start.
        max_pixels: a picture of more is not developed.

    Returns:
        An image of format :data:`RAW`, to be turned by its EXIF orientation; its ``info`` has
        :data:`FULL_SIZE`, to be turned as well.

    Raises:
        ImageError: it is damaged or too large, or rawpy is not installed.
    """
    rawpy = require_rawpy()
    try:
        with rawpy.imread(file) as raw:
            size = raw.sizes.width, raw.sizes.height
            image = _preview(rawpy, raw)
            if image is None:
                if size[0] * size[1] > max_pixels:
                    raise ImageError("", f"too large: {size[0]} x {size[1]} pixels")
                image = Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))
                size = size[::-1] if raw.sizes.flip in _TURNS else size
    except rawpy.LibRawFileUnsupportedError:
        return None
    except rawpy.LibRawError as error:
        raise ImageError("", f"a RAW file that is damaged or cut off ({_words(error)})") from error
    image.format = RAW
    image.info[FULL_SIZE] = size
    return image


def _words(error: Exception) -> str:
    """LibRaw's words are bytes."""
    return b" ".join(word for word in error.args if isinstance(word, bytes)).decode()


_TURNS = (5, 6)  # LibRaw's words for a quarter to the left and to the right


def _preview(rawpy: Any, raw: Any) -> Image.Image | None:
    """The largest JPEG in the file, if it is large enough."""
    try:
        preview = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    if preview.format != rawpy.ThumbFormat.JPEG:
        return None
    image = Image.open(io.BytesIO(preview.data))
    return image if max(image.size) >= _SMALLEST_PREVIEW else None
