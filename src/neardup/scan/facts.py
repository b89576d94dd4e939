"""What a picture's file says about it, without decoding the pixels."""

import io
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Attributes:
    width: pixels, upright (after EXIF orientation).
    height: pixels.
    format: as Pillow names it: JPEG, PNG...
    taken: when the camera says it was taken, ``YYYY:MM:DD HH:MM:SS``; empty if it does not.
    camera: the file names the camera's make or model, as originals do and most edits do not.
    """

    width: int
    height: int
    format: str
    taken: str
    camera: bool


def read_facts(data: bytes) -> Facts:
    """Facts of a file's bytes; raises whatever Pillow raises when it is not a picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            try:
                exif = image.getexif()
                detail = exif.get_ifd(ExifTags.IFD.Exif)
                taken = detail.get(ExifTags.Base.DateTimeOriginal) or exif.get(
                    ExifTags.Base.DateTime
                )
                camera = bool(exif.get(ExifTags.Base.Make) or exif.get(ExifTags.Base.Model))
                turned = exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
            except Exception:  # damaged EXIF
                taken, camera, turned = None, False, False
            if turned:
                width, height = height, width
            return Facts(
                width=width,
                height=height,
                format=image.format or "",
                taken=taken[:19] if isinstance(taken, str) and taken.isprintable() else "",
                camera=camera,
            )
