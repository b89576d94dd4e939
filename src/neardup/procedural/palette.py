"""Correlated colours: a picture's colours spread mostly along brightness, less along hue."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Palette:
    """A normal distribution over RGB.

    Attributes:
        mean: (3,) float32, in [0, 255].
        factor: (3, 3) float32, square root of the covariance; its first row is mostly brightness.
    """

    mean: Float
    factor: Float

    def colours(self, rng: np.random.Generator, count: int) -> Float:
        """`count` colours, (count, 3) float32 in [0, 255]."""
        spread = rng.standard_normal((count, 3), dtype=np.float32) @ self.factor
        return np.clip(self.mean + spread, 0, 255).astype(np.float32)

    def paint(self, field: Float) -> Float:
        """Colour a field (H, W, 3) of zero mean and unit variance: (H, W, 3) float32, unclipped."""
        return self.mean + field @ self.factor


def draw_palette(rng: np.random.Generator) -> Palette:
    """A random palette, from nearly grey to vivid."""
    chroma = rng.gamma(2.0, 9.0)
    axes = rng.standard_normal((3, 3))
    axes[0] = 1 + 0.25 * axes[0]  # the first axis is brightness, tinted
    basis = np.linalg.qr(axes.T)[0].T
    deviations = np.array([rng.uniform(55, 110), chroma, chroma * rng.uniform(0.3, 1)])
    mean = rng.uniform(65, 185) + chroma * rng.uniform(-0.7, 0.7, 3)
    return Palette(mean.astype(np.float32), (deviations[:, None] * basis).astype(np.float32))
