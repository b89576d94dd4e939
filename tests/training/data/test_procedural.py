"""Pictures from formulas: the same everywhere, never alike, with the spectrum of photographs."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from neardup.procedural import KINDS, generate, kind_of


def spectrum_slope(image: np.ndarray) -> float:
    """Slope of log power against log frequency of the grey picture (H, W, 3)."""
    side = min(image.shape[:2])
    grey = image[:side, :side].mean(axis=-1)
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window[:, None] * window)) ** 2
    frequency = np.fft.fftfreq(side)
    ring = np.round(np.hypot(frequency[:, None], frequency) * side).astype(int)
    rings = np.arange(4, int(0.4 * side))
    mean = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    return float(np.polyfit(np.log(rings), np.log(mean[rings] + 1e-9), 1)[0])


def thumbnails(images: list[np.ndarray]) -> np.ndarray:
    """Standardised 8 x 8 pictures as rows (N, 192)."""
    small = np.stack(
        [np.asarray(Image.fromarray(i).resize((8, 8)), np.float32).ravel() for i in images]
    )
    small -= small.mean(axis=1, keepdims=True)
    return small / (np.linalg.norm(small, axis=1, keepdims=True) + 1e-9)


def test_shape_dtype_and_aspect() -> None:
    shapes = set()
    for index in range(30):
        image = generate(0, index, size=64)
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        assert min(image.shape[:2]) == 64
        assert max(image.shape[:2]) <= 86
        shapes.add(image.shape[:2])
    assert len(shapes) > 5


@pytest.mark.parametrize("size", [16, 17, 96, 200])
def test_every_kind_at_odd_sizes(size: int) -> None:
    seen = set()
    index = 0
    while len(seen) < len(KINDS):
        seen.add(kind_of(3, index))
        assert min(generate(3, index, size).shape[:2]) == size
        index += 1


def test_the_same_in_any_order_and_in_another_process() -> None:
    indices = [5, 0, 11, 3, 8]
    here = {i: hashlib.sha256(generate(9, i, 48).tobytes()).hexdigest() for i in indices}
    again = {i: hashlib.sha256(generate(9, i, 48).tobytes()).hexdigest() for i in sorted(indices)}
    assert here == again
    code = (
        "import hashlib; from neardup.procedural import generate\n"
        f"for i in {indices}: print(hashlib.sha256(generate(9, i, 48).tobytes()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.split() == [here[i] for i in indices]


def test_pictures_of_one_and_of_two_collections_differ() -> None:
    images = [generate(seed, index, 64) for seed in (0, 1) for index in range(150)]
    correlation = thumbnails(images) @ thumbnails(images).T
    np.fill_diagonal(correlation, 0)
    assert correlation.max() < 0.97


def test_quarters_of_one_picture_can_be_told_apart() -> None:
    quarters = []
    for index in range(40):
        image = generate(2, index, 128)
        quarters += [image[:64, :64], image[:64, -64:], image[-64:, :64], image[-64:, -64:]]
    rows = np.stack([q.astype(np.float32).ravel() for q in quarters])
    assert (rows.std(axis=1) > 4).mean() > 0.95, "a zoomed crop must have content"
    correlation = thumbnails(quarters) @ thumbnails(quarters).T
    np.fill_diagonal(correlation, 0)
    assert correlation.max() < 0.99


def test_spectrum_is_that_of_photographs() -> None:
    # by this estimate, photographs of 128 px have a mean slope of about -2.6
    slopes = [spectrum_slope(generate(4, index)) for index in range(150)]
    assert -2.8 < float(np.mean(slopes)) < -1.8


def test_all_kinds_appear_and_colours_vary() -> None:
    kinds = [kind_of(0, index) for index in range(300)]
    assert set(kinds) == set(KINDS)
    means = np.stack([generate(0, index, 32).mean(axis=(0, 1)) for index in range(60)])
    assert means.std(axis=0).min() > 20


@pytest.mark.parametrize(("seed", "index", "size"), [(-1, 0, 64), (0, -1, 64), (0, 0, 8)])
def test_bad_arguments_are_refused(seed: int, index: int, size: int) -> None:
    with pytest.raises(ValueError, match=">="):
        generate(seed, index, size)
