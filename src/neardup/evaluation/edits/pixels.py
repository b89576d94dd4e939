"""Edits that keep every pixel in its place: light, colour, noise, compression, blur.

Every function takes and returns an image (H, W, 3) uint8 RGB.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

Pixels = NDArray[np.uint8]
"""An image (H, W, 3) uint8 RGB."""


def either_way(factor: float, rng: np.random.Generator) -> float:
    """``factor`` or its inverse, with equal chance."""
    return factor if rng.random() < 0.5 else 1 / factor


def from_pil(image: Image.Image) -> Pixels:
    """Pillow's RGB image as a new (H, W, 3) uint8 array."""
    return np.array(image.convert("RGB"))


_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as Pillow's mode L


def brightness(image: Pixels, change: float, rng: np.random.Generator) -> Pixels:
    """Multiply by ``1 + change`` or divide by it, as the draw falls."""
    factor = either_way(1 + change, rng)
    return _look_up(image, np.arange(256) * factor)


def exposure(image: Pixels, stops: float, rng: np.random.Generator) -> Pixels:
    """Double the light, or halve it, ``stops`` times; what is beyond white is lost.

    A level is taken for light to the power 1 / 2.2.
    """
    return _look_up(image, np.arange(256) * either_way(2 ** (stops / 2.2), rng))


def filtered(image: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """One of the filters of photo programs, as the draw falls; 0 leaves the picture alone.

    Sepia, three bits for each channel, inverted highlights, a gamma of 2.5 or its inverse, edges
    sharpened as far as it goes, or a strong vignette.
    """
    if not severity:
        return image.copy()
    picture = Image.fromarray(image)
    match int(rng.integers(6)):
        case 0:
            tint = np.array([1.07, 0.92, 0.68], dtype=np.float32)
            return _to_uint8((image @ _LUMA)[..., None] * tint)
        case 1:
            return from_pil(ImageOps.posterize(picture, 3))
        case 2:
            return from_pil(ImageOps.solarize(picture, 160))
        case 3:
            return _look_up(image, 255 * (np.arange(256) / 255) ** either_way(2.5, rng))
        case 4:
            return from_pil(picture.filter(ImageFilter.UnsharpMask(3, 400, 0)))
        case _:
            rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in image.shape[:2])
            light = np.exp(-1.2 * (rows[:, None] ** 2 + columns[None, :] ** 2))
            return _to_uint8(image * light[..., None])


def contrast(image: Pixels, change: float, rng: np.random.Generator) -> Pixels:
    """Stretch about the mean luma by ``1 + change``, or shrink by it."""
    factor = either_way(1 + change, rng)
    mean = float((image.reshape(-1, 3).mean(axis=0) * _LUMA).sum())
    return _look_up(image, (np.arange(256) - mean) * factor + mean)


def saturation(image: Pixels, change: float, rng: np.random.Generator) -> Pixels:
    """Multiply each pixel's difference from its luma by ``1 + change``, or divide by it."""
    return _blend_with_luma(image, either_way(1 + change, rng))


def grayscale(image: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Move each pixel towards its luma by ``share``: 1 leaves no colour."""
    return _blend_with_luma(image, 1 - share)


def hue(image: Pixels, degrees: float, rng: np.random.Generator) -> Pixels:
    """Turn the hue circle by ``degrees`` to either side."""
    shift = round(degrees / 360 * 256) * (1 if rng.random() < 0.5 else -1)
    hsv = np.array(Image.fromarray(image).convert("HSV"))
    hsv[..., 0] += np.uint8(shift % 256)  # wraps, as hue does
    return from_pil(Image.fromarray(hsv, "HSV").convert("RGB"))


def hue_saturation(image: Pixels, degrees: float, rng: np.random.Generator) -> Pixels:
    """Hue by ``degrees`` and saturation by a factor ``1 + degrees / 60``, each either way."""
    return saturation(hue(image, degrees, rng), degrees / 60, rng)


def salt_and_pepper(image: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Turn ``share`` of the pixels white or black, half and half."""
    draw = rng.random(image.shape[:2], dtype=np.float32)
    noisy = image.copy()
    noisy[draw < share] = 0
    noisy[draw < share / 2] = 255
    return noisy


def gaussian_noise(image: Pixels, std: float, rng: np.random.Generator) -> Pixels:
    """Add independent normal noise of ``std`` grey levels (of 255) to every channel."""
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(std)
    return _to_uint8(image + noise)


def jpeg(image: Pixels, quality: float, rng: np.random.Generator) -> Pixels:
    """Save as JPEG of ``quality`` (1 to 95) with 4:2:0 chroma, and read it back."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=round(quality), subsampling="4:2:0")
    return from_pil(Image.open(buffer))


def blur(image: Pixels, percent: float, rng: np.random.Generator) -> Pixels:
    """Gaussian blur whose sigma is ``percent`` of the shorter side."""
    sigma = min(image.shape[:2]) * percent / 100
    return from_pil(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def _blend_with_luma(image: Pixels, factor: float) -> Pixels:
    luma = (image @ _LUMA)[..., None]
    return _to_uint8(luma + (image - luma) * np.float32(factor))


def _look_up(image: Pixels, table: NDArray[np.floating]) -> Pixels:
    return _to_uint8(table)[image]


def _to_uint8(values: NDArray[np.floating]) -> Pixels:
    levels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels
