"""Attractors of iterated function systems (Kataoka et al. 2020, "Pre-training without Natural
Images"): random affine maps applied over and over to many walkers, over a noise ground."""

import numpy as np
from numpy.typing import NDArray

from neardup.procedural.noise import grain
from neardup.procedural.palette import Float, draw_palette

_WALKERS = 2500
_SETTLE = 6  # steps before a walker is on the attractor
_STEPS = 18


def _maps(rng: np.random.Generator) -> tuple[Float, Float]:
    """2 to 5 contracting affine maps: matrices (K, 2, 2) and shifts (K, 2)."""
    count = int(rng.integers(2, 6))
    turn, other = rng.uniform(-np.pi, np.pi, (2, count))
    # singular values inside (0, 1) make every map a contraction
    long, short = rng.uniform(0.45, 0.9, count), rng.uniform(0.2, 0.75, count)
    rotations = np.stack(
        [np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)], axis=-1
    ).reshape(count, 2, 2)
    others = np.stack(
        [np.cos(other), -np.sin(other), np.sin(other), np.cos(other)], axis=-1
    ).reshape(count, 2, 2)
    stretch = np.stack([long, short], axis=-1)[:, None, :] * rng.choice([-1, 1], (count, 1, 2))
    matrices = rotations * stretch @ others
    return matrices.astype(np.float32), rng.uniform(-1, 1, (count, 2)).astype(np.float32)


def _attractor(rng: np.random.Generator) -> tuple[Float, NDArray[np.int64]]:
    """Points (P, 2) on a random attractor and the map (P,) that led to each."""
    matrices, shifts = _maps(rng)
    area = np.abs(np.linalg.det(matrices)) + 0.02
    edges = np.cumsum(area / area.sum())
    chosen = np.minimum(np.searchsorted(edges, rng.random((_STEPS, _WALKERS))), len(matrices) - 1)
    points = np.zeros((_STEPS, _WALKERS, 2), np.float32)
    walkers = rng.standard_normal((_WALKERS, 2), dtype=np.float32)
    flat = matrices.reshape(-1, 4)
    for step in range(_STEPS):
        a = flat.take(chosen[step], axis=0)
        x, y = walkers[:, 0], walkers[:, 1]
        walkers = shifts.take(chosen[step], axis=0)
        walkers[:, 0] += a[:, 0] * x + a[:, 1] * y
        walkers[:, 1] += a[:, 2] * x + a[:, 3] * y
        points[step] = walkers
    return points[_SETTLE:].reshape(-1, 2), chosen[_SETTLE:].reshape(-1)


def fractal(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """A fractal that fills most of the frame, lit by its density.

    Returns:
        (H, W, 3) float32, mostly in [0, 255], unclipped.
    """
    points, maps = _attractor(rng)
    low, high = np.quantile(points[::17], [0.02, 0.98], axis=0)
    zoom = rng.uniform(0.85, 1.3)
    frame = np.array([width, height]) * zoom / np.maximum(high - low, 1e-3)
    shift = (np.array([width, height]) - (low + high) * frame) / 2
    x, y = (points * frame.astype(np.float32) + shift.astype(np.float32)).astype(np.int32).T
    inside = np.flatnonzero((x >= 0) & (x < width) & (y >= 0) & (y < height))
    cell = y[inside] * width + x[inside]

    hits = np.bincount(cell, minlength=height * width).astype(np.float32)
    hits = hits.reshape(height, width, 1)
    opacity = 1 - np.exp(-hits * np.float32(rng.uniform(0.5, 2)))
    last = np.zeros(height * width, np.int64)
    last[cell] = maps[inside]
    palette = draw_palette(rng)
    tint = palette.colours(rng, 5).take(last, axis=0).reshape(height, width, 3)
    glow = np.log1p(hits) * np.float32(rng.uniform(-25, 25))
    ground = draw_palette(rng).paint(grain(rng, height, width, 3))
    return np.asarray(ground + opacity * (tint + glow - ground), np.float32)
