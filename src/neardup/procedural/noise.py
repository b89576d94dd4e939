"""1/f noise with random colour covariance (Baradad et al. 2021, "Learning to See by Looking at
Noise", section 3.1), folded, bent and layered so that it has edges as well as a spectrum."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage

from neardup.procedural.palette import Float, draw_palette


def _standard(field: Float) -> Float:
    """Bring each channel of `field` (H, W, C) to zero mean and unit variance."""
    flat = field.reshape(-1, field.shape[-1])
    mean = np.ones(len(flat), np.float32) @ flat / np.float32(len(flat))
    flat = flat - mean
    flat /= np.sqrt(np.einsum("pc,pc->c", flat, flat) / len(flat)) + np.float32(1e-6)
    return flat.reshape(field.shape)


def power_law(
    rng: np.random.Generator,
    height: int,
    width: int,
    channels: int,
    exponent: float,
    *,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> Float:
    """Noise whose amplitude falls as 1 / frequency ** exponent.

    Args:
        exponent: 0 is white; 1 is the value of photographs (power spectrum slope -2).
        stretch: how much longer than wide the grain is, >= 1.
        angle: direction of the grain, radians.

    Returns:
        (H, W, C) float32, zero mean and unit variance in each channel.
    """
    rows, columns = (fft.next_fast_len(side, real=True) for side in (height, width))
    v = fft.fftfreq(rows).astype(np.float32)[:, None]
    u = fft.rfftfreq(columns).astype(np.float32)[None, :]
    along = np.float32(np.cos(angle)) * u + np.float32(np.sin(angle)) * v
    across = np.float32(np.cos(angle)) * v - np.float32(np.sin(angle)) * u
    squared = along**2 * np.float32(stretch) + across**2 / np.float32(stretch)
    squared[0, 0] = 1
    amplitude = squared ** np.float32(-exponent / 2)
    amplitude[0, 0] = 0
    shape = (channels, *squared.shape, 2)
    spectrum = rng.standard_normal(shape, dtype=np.float32).view(np.complex64)[..., 0] * amplitude
    field = fft.irfft2(spectrum, s=(rows, columns), workers=1)
    return _standard(field.transpose(1, 2, 0)[:height, :width])


def _bend(rng: np.random.Generator, field: Float) -> Float:
    """Move the pixels of `field` along a smooth random flow: veins, marble, water."""
    height, width, _ = field.shape
    flow = power_law(rng, 16, 16, 2, rng.uniform(0.8, 1.6)) * rng.uniform(0.03, 0.1) * width
    down, across = (
        np.asarray(Image.fromarray(f).resize((width, height), Image.Resampling.BICUBIC))
        for f in np.ascontiguousarray(flow.transpose(2, 0, 1), np.float32)
    )
    rows = (np.arange(height, dtype=np.float32)[:, None] + down).astype(np.int32) % height
    columns = (np.arange(width, dtype=np.float32) + across).astype(np.int32) % width
    bent: Float = field.reshape(height * width, -1).take(rows * width + columns, axis=0)
    return bent


def _fold(rng: np.random.Generator, field: Float) -> Float:
    """Put edges into `field` by a pointwise function, then bring it back to zero mean and unit
    variance."""
    choice = rng.integers(5)
    if choice == 0:  # ridges
        field = np.abs(field)
    elif choice == 1:  # bands, like strata or wood
        field = np.sin(field * np.float32(rng.uniform(1.5, 4)))
    elif choice == 2:  # patches with soft borders
        field = np.tanh(field * np.float32(rng.uniform(2, 6))) + np.float32(0.25) * field
    elif choice == 3:  # terraces
        step = np.float32(rng.uniform(0.4, 0.9))
        field = np.round(field / step) * step + np.float32(0.2) * field
    return _standard(field)


def grain(rng: np.random.Generator, height: int, width: int, channels: int) -> Float:
    """A random stuff-like field, (H, W, C) float32, zero mean and unit variance."""
    stretch = float(np.exp(rng.exponential(0.7)))
    exponent = rng.uniform(0.9, 1.7)
    field = power_law(
        rng, height, width, channels, exponent, stretch=stretch, angle=rng.uniform(0, np.pi)
    )
    if rng.random() < 0.5:
        field = _bend(rng, field)
    return _fold(rng, field)


def noise(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """One or two coloured fields, the second showing through a soft random mask.

    Returns:
        (H, W, 3) float32, mostly in [0, 255], unclipped.
    """
    picture = draw_palette(rng).paint(grain(rng, height, width, 3))
    if rng.random() < 0.6:
        other = draw_palette(rng).paint(grain(rng, height, width, 3))
        relief = power_law(rng, height, width, 1, rng.uniform(1.2, 2.2))
        mask = np.clip((relief - np.float32(rng.uniform(-0.5, 0.5))) * rng.uniform(2, 20), 0, 1)
        picture += mask * (other - picture)
        if rng.random() < 0.5:  # a lit edge, as if the patches had thickness
            light = ndimage.sobel(mask[..., 0], axis=int(rng.integers(2)))
            picture += light[..., None] * np.float32(rng.uniform(8, 25))
    return picture.astype(np.float32)
