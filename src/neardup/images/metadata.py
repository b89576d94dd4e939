"""What people and cameras wrote into a picture's file, that the pixels do not show."""

import re
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, IptcImagePlugin

from neardup.images.reading import check_header

RATING, POSITION, TAKEN, KEYWORDS = "rating", "position", "date taken", "keywords"

_IPTC_KEYWORDS = (2, 25)
_XMP_RATING = re.compile(r"""xmp:Rating(?:\s*=\s*["']|\s*>\s*)(-?[\d.]+)""")
_XMP_KEYWORDS = re.compile(r"<dc:subject>(.*?)</dc:subject>", re.DOTALL)
_XMP_ITEM = re.compile(r"<rdf:li[^>]*>(.*?)</rdf:li>", re.DOTALL)
_DEGREES_MINUTES_SECONDS = (1, 60, 3600)


def read_metadata(path: Path) -> dict[str, list[str]]:
    """Rating, position, date taken and keywords, as EXIF, XMP and IPTC have them.

    Only what is there has an entry. Raises whatever Pillow raises when it is not a picture.
    """
    exif: dict[int, Any] = {}
    detail: dict[int, Any] = {}
    gps: dict[int, Any] = {}
    iptc: dict[tuple[int, int], Any] = {}
    with open(path, "rb") as file:
        check_header(file)
        image = Image.open(file)
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
        with suppress(Exception):  # damaged EXIF
            read = image.getexif()
            exif = dict(read)
            detail, gps = read.get_ifd(ExifTags.IFD.Exif), read.get_ifd(ExifTags.IFD.GPSInfo)
        with suppress(Exception):  # damaged IPTC
            iptc = dict(IptcImagePlugin.getiptcinfo(image) or {})
    packet = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else str(xmp)
    taken = detail.get(ExifTags.Base.DateTimeOriginal)
    found = {
        RATING: _ratings(exif, packet),
        POSITION: _positions(gps),
        TAKEN: [str(taken).strip("\0 ")] if taken else [],
        KEYWORDS: sorted({word for word in _keywords(exif, packet, iptc) if word}),
    }
    return {name: values for name, values in found.items() if values}


def only_in(one: dict[str, list[str]], other: dict[str, list[str]]) -> dict[str, list[str]]:
    """What the one says and the other does not; two that differ count for keywords alone."""
    alone = {name: values for name, values in one.items() if name not in other}
    words = [word for word in one.get(KEYWORDS, ()) if word not in other.get(KEYWORDS, ())]
    return alone | ({KEYWORDS: words} if words else {})


def _ratings(exif: dict[int, Any], packet: str) -> list[str]:
    given = [str(exif.get(ExifTags.Base.Rating, 0)), *_XMP_RATING.findall(packet)]
    return [rating for rating in given if rating.strip("0.")][:1]


def _positions(gps: dict[int, Any]) -> list[str]:
    degrees = []
    for value, hemisphere in (
        (ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef),
        (ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef),
    ):
        if value not in gps:
            return []
        try:
            parts = zip(gps[value], _DEGREES_MINUTES_SECONDS, strict=True)
            sign = -1 if gps.get(hemisphere) in ("S", "W") else 1
            degrees.append(f"{sign * sum(float(part) / unit for part, unit in parts):.5f}")
        except (TypeError, ValueError, ZeroDivisionError):
            degrees.append("?")
    return [", ".join(degrees)]


def _keywords(exif: dict[int, Any], packet: str, iptc: dict[tuple[int, int], Any]) -> list[str]:
    words = exif.get(ExifTags.Base.XPKeywords, b"")
    if isinstance(words, (bytes, tuple)):
        words = bytes(words).decode("utf-16-le", "replace")
    found = [word.strip("\0 ") for word in str(words).split(";")]
    for subjects in _XMP_KEYWORDS.findall(packet):
        found += [unescape(item).strip() for item in _XMP_ITEM.findall(subjects)]
    listed = iptc.get(_IPTC_KEYWORDS, [])
    for raw in listed if isinstance(listed, list) else [listed]:
        found.append(raw.decode("utf-8", "replace").strip())
    return found
