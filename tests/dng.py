"""The smallest RAW file that LibRaw opens: a DNG with a mosaic, and a preview if wanted."""

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_BYTE, _TEXT, _SHORT, _LONG, _FRACTION = 1, 2, 3, 4, 10
_CODES = {_BYTE: "B", _SHORT: "H", _LONG: "I"}
_Entry = tuple[int, int, int, bytes]


def _entry(tag: int, kind: int, values: str | Sequence[float]) -> _Entry:
    if isinstance(values, str):
        return tag, kind, len(values) + 1, values.encode() + b"\0"
    if kind == _FRACTION:
        data = b"".join(struct.pack("<2i", int(10_000 * value), 10_000) for value in values)
    else:
        data = struct.pack(f"<{len(values)}{_CODES[kind]}", *values)
    return tag, kind, len(values), data


def _directory(entries: list[_Entry], at: int) -> bytes:
    table = tail = b""
    for tag, kind, count, data in sorted(entries):
        if len(data) > 4:
            place = at + 2 + 12 * len(entries) + 4 + len(tail)
            tail += data + b"\0" * (len(data) % 2)
            data = struct.pack("<I", place)
        table += struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
    return struct.pack("<H", len(entries)) + table + b"\0" * 4 + tail


def dng(
    pixels: npt.NDArray[np.uint8], *, preview: bytes | None = None, orientation: int = 1
) -> bytes:
    """A DNG of pixels, (H, W, 3) uint8 RGB with even sides, and of a JPEG as its preview."""
    height, width, _ = pixels.shape
    linear = (65535 * (pixels / 255.0) ** 2.2).astype("<u2")
    mosaic = linear[:, :, 1].copy()
    mosaic[0::2, 0::2] = linear[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = linear[1::2, 1::2, 2]
    srgb = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
    camera = [
        _entry(50706, _BYTE, (1, 4, 0, 0)),  # the version of DNG
        _entry(271, _TEXT, "Maker"),
        _entry(272, _TEXT, "Model"),
        _entry(274, _SHORT, (orientation,)),
        _entry(306, _TEXT, "2024:05:06 07:08:09"),
        _entry(50721, _FRACTION, srgb),
    ]

    def picture(
        offset: int, length: int, compression: int, colours: int, kind: int
    ) -> list[_Entry]:
        return [
            _entry(254, _LONG, (int(compression != 1),)),  # a smaller version of another
            _entry(256, _LONG, (width,)),
            _entry(257, _LONG, (height,)),
            _entry(258, _SHORT, (16 if colours == 1 else 8,) * colours),
            _entry(259, _SHORT, (compression,)),
            _entry(262, _SHORT, (kind,)),
            _entry(273, _LONG, (offset,)),
            _entry(277, _SHORT, (colours,)),
            _entry(278, _LONG, (height,)),
            _entry(279, _LONG, (length,)),
        ]

    def raw(offset: int) -> list[_Entry]:
        pattern = [_entry(33421, _SHORT, (2, 2)), _entry(33422, _BYTE, (0, 1, 1, 2))]
        return [*picture(offset, mosaic.nbytes, 1, 1, 32803), *pattern]

    head = b"II*\0" + struct.pack("<I", 8)
    if preview is None:
        start = 8 + len(_directory(camera + raw(0), 8))
        return head + _directory(camera + raw(start), 8) + mosaic.tobytes()

    def first(second: int, offset: int) -> bytes:
        shown = picture(offset, len(preview), 7, 3, 6)
        return _directory([*camera, *shown, _entry(330, _LONG, (second,))], 8)

    second = 8 + len(first(0, 0))
    start = second + len(_directory(raw(0), second))
    end = start + mosaic.nbytes
    return head + first(second, end) + _directory(raw(start), second) + mosaic.tobytes() + preview
