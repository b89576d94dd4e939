"""Drawn scenes: gradients, ridges with haze between them, and patterned geometric shapes."""

import numpy as np
from numpy.typing import NDArray

from neardup.procedural.noise import grain, power_law
from neardup.procedural.palette import Float, draw_palette


def _gradient(rng: np.random.Generator, height: int, width: int) -> Float:
    """A smooth blend of three colours along a random direction, (H, W, 3) float32."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    along = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) / 2.9 + 0.5
    if rng.random() < 0.3:  # round, like a lamp or a sun
        centre = rng.uniform(-0.8, 0.8, 2)
        along = np.hypot(x - centre[0], y - centre[1]) / 2
    stops = draw_palette(rng).colours(rng, 3)
    table = np.stack([np.interp(np.arange(256), [0, 128, 255], stops[:, c]) for c in range(3)], -1)
    blend: Float = table.astype(np.float32)[np.clip(along * 255, 0, 255).astype(np.uint8)]
    return blend


def _pattern(rng: np.random.Generator, x: Float, y: Float) -> Float:
    """Stripes, checks, dots or rings over coordinates (H, W) in pixels; values in [-1, 1]."""
    period = np.float32(np.exp(rng.uniform(np.log(4), np.log(24))) / (2 * np.pi))
    sharpness = np.float32(rng.choice([1, 8]))
    choice = rng.integers(4)
    if choice == 0:
        wave = np.sin(x / period)
    elif choice == 1:
        wave = np.sin(x / period) * np.sin(y / period)
    elif choice == 2:
        wave = np.sin(x / period) + np.sin(y / period) - np.float32(0.7)
    else:
        wave = np.sin(np.hypot(x, y) / period)
    return np.asarray(np.clip(wave * sharpness, -1, 1), np.float32)


def geometry(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """8 to 16 patterned rectangles and ellipses over a gradient and a grain.

    Returns:
        (H, W, 3) float32, mostly in [0, 255], unclipped.
    """
    picture = _gradient(rng, height, width)
    texture = grain(rng, height, width, 1)
    picture += texture * np.float32(rng.uniform(6, 22))
    rows, columns = np.ogrid[:height, :width]
    side = min(height, width)
    count = int(rng.integers(8, 17))
    colours = draw_palette(rng).colours(rng, 2 * count)
    for shape in range(count):
        radius = side * rng.uniform(0.06, 0.4) * (1 - 0.6 * shape / count)
        cx, cy = rng.uniform(0, width), rng.uniform(0, height)
        reach = int(1.5 * radius) + 2
        box = (
            slice(max(int(cy) - reach, 0), int(cy) + reach),
            slice(max(int(cx) - reach, 0), int(cx) + reach),
        )
        dx = (columns[:, box[1]] - cx).astype(np.float32)
        dy = (rows[box[0]] - cy).astype(np.float32)
        turn = rng.uniform(0, np.pi)
        x = np.float32(np.cos(turn)) * dx + np.float32(np.sin(turn)) * dy
        y = np.float32(np.cos(turn)) * dy - np.float32(np.sin(turn)) * dx
        x, y = x * np.float32(rng.uniform(0.8, 1.6)), y * np.float32(rng.uniform(0.8, 1.6))
        distance = np.hypot(x, y) if rng.random() < 0.5 else np.maximum(np.abs(x), np.abs(y))
        if rng.random() < 0.25:  # a ring or a frame
            distance = np.abs(distance - radius * 0.75) + radius * 0.7
        cover = np.clip(radius - distance + 0.5, 0, 1)[..., None]
        mix = 0.5 + 0.5 * _pattern(rng, x, y)[..., None] if rng.random() < 0.6 else 0.5
        mix = mix + 0.3 * (x / radius)[..., None]
        paint = colours[2 * shape] + (colours[2 * shape + 1] - colours[2 * shape]) * mix
        paint = paint + texture[box] * np.float32(rng.uniform(0, 16))
        picture[box] += cover * (paint - picture[box])
    return picture


def scene(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """A sky with clouds over 3 to 6 ridges, each nearer, rougher and less hazy.

    Returns:
        (H, W, 3) float32, mostly in [0, 255], unclipped.
    """
    sky = _gradient(rng, height, width)
    clouds = power_law(rng, height, width, 1, rng.uniform(1.1, 1.7), stretch=rng.uniform(1, 6))
    picture = sky + (np.maximum(clouds, -0.4) * np.float32(rng.uniform(10, 50)))
    haze = sky.mean(axis=(0, 1))
    palette = draw_palette(rng)
    rows = np.arange(height, dtype=np.float32)[:, None]
    ridges = int(rng.integers(3, 7))
    horizon = rng.uniform(0.15, 0.5)
    texture = grain(rng, height, width, 1)
    for ridge in range(ridges):
        near = (ridge + 1) / ridges
        profile = power_law(rng, 1, width, 1, rng.uniform(0.7, 1.4))[0, :, 0]
        if rng.random() < 0.35:  # a skyline: flat roofs
            profile = np.repeat(profile[:: int(rng.integers(4, 14))], 14)[:width]
            profile = np.resize(profile, width)
        top = (horizon + (1 - horizon) * ridge / ridges + 0.08 * profile) * height
        first = int(np.clip(top.min() - 1, 0, height - 1))
        cover = np.clip(rows[first:] - top + 0.5, 0, 1)[..., None].astype(np.float32)
        ground = np.roll(texture, tuple(rng.integers(0, 99, 2)), (0, 1))[first:]
        ground = ground * (palette.factor[0] * np.float32(near * rng.uniform(0.2, 0.7)))
        ground += palette.colours(rng, 1) - haze
        ground *= np.float32(0.3 + 0.7 * near)
        picture[first:] += cover * (ground + haze - picture[first:])
    return picture.astype(np.float32)
