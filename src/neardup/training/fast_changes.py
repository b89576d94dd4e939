"""Light, colour and noise as albumentations 2.0.8 changes them, several times faster.

``ColorJitter``, ``SaltAndPepper`` and ``GaussNoise`` draw their strengths as the classes of that
name do, and do the same arithmetic on 8 bits, down to what is rounded and what is cut off.

All take (H, W, 3) uint8 RGB, leave it as it is, and return the same shape.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Image = NDArray[np.uint8]

_LEVELS = np.arange(256, dtype=np.float32)
_NORMAL = ndtri((np.arange(2**16) + 0.5) / 2**16).astype(np.float32)
"""Quantiles of the standard normal distribution, so that 16 random bits pick one; up to 4.3."""


@dataclass(frozen=True, slots=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue, in random order.

    Attributes:
        brightness, contrast, saturation: the factor is drawn from 1 - this to 1 + this.
        hue: largest turn, as a share of the whole circle.
    """

    brightness: float
    contrast: float
    saturation: float
    hue: float

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Change ``image``."""
        steps = (
            (change_brightness, 1.0, self.brightness),
            (change_contrast, 1.0, self.contrast),
            (change_saturation, 1.0, self.saturation),
            (turn_hue, 0.0, self.hue),
        )
        for place in rng.permutation(len(steps)):
            change, middle, reach = steps[place]
            if reach:
                image = change(image, middle + rng.uniform(-reach, reach))
        return image


@dataclass(frozen=True, slots=True)
class SaltAndPepper:
    """White and black pixels: a share from 0 to ``amount``, 40 to 60 % of them white."""

    amount: float

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Change ``image``."""
        count = int(image.shape[0] * image.shape[1] * rng.uniform(0.0, self.amount))
        salt = int(count * rng.uniform(0.4, 0.6))
        image = image.copy()
        pixels = image.reshape(-1, 3)
        replaced = rng.choice(len(pixels), count, replace=False)
        pixels[replaced[:salt]] = 255
        pixels[replaced[salt:]] = 0
        return image


@dataclass(frozen=True, slots=True)
class GaussNoise:
    """Noise of its own in each channel; standard deviation from 0 to ``std``, white being 1."""

    std: float

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Change ``image``."""
        strength = np.float32(255.0 * rng.uniform(0.0, self.std))
        noise_of = (strength * _NORMAL).astype(np.int16)  # cut off, as albumentations does
        words = rng.bit_generator.random_raw((image.size + 3) // 4)
        bits = words.view(np.uint16)[: image.size].reshape(image.shape)
        noise = noise_of.take(bits, mode="clip")  # the quickest mode; nothing is out of range
        return _uint8(cv2.add(image, noise, dtype=cv2.CV_8U))


def change_brightness(image: Image, factor: float) -> Image:
    """Multiply by ``factor``."""
    return _by_table(image, _LEVELS * np.float32(factor))


def change_contrast(image: Image, factor: float) -> Image:
    """Multiply the differences to the picture's mean grey by ``factor``."""
    mean = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0]
    return _by_table(image, _LEVELS * np.float32(factor) + np.float32(mean * (1.0 - factor)))


def change_saturation(image: Image, factor: float) -> Image:
    """Multiply each pixel's differences to its grey by ``factor``."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return _uint8(cv2.addWeighted(image, factor, grey, 1.0 - factor, 0.0))


def turn_hue(image: Image, turn: float) -> Image:
    """Turn the hue by ``turn`` of the whole circle; OpenCV counts it in 180 steps."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    turned = np.mod(np.arange(256) + 180.0 * turn, 180.0).astype(np.uint8)
    cv2.insertChannel(cv2.LUT(cv2.extractChannel(hsv, 0), turned), hsv, 0)
    return _uint8(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def _by_table(image: Image, table: NDArray[np.float32]) -> Image:
    return _uint8(cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8)))


def _uint8(image: object) -> Image:
    assert isinstance(image, np.ndarray)
    return image
