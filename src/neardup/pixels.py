"""Pixel modes: whatever Pillow decodes, turned into 8-bit RGB on white."""

import numpy as np
import numpy.typing as npt
from PIL import Image

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
