"""Edits are reproducible, change what they name, and leave the picture alone at no strength."""

from functools import partial

import numpy as np
import pytest

from neardup.errors import ConfigError
from neardup.evaluation.edits.named import (
    FAMILIES,
    HARD,
    MISSION,
    STRONG,
    Edit,
    apply_edit,
    edit_image,
)

NONE = {"zoom": 1, "aspect": 1, "downscale": 1, "grayscale": 0, "mirror": 0, "salt_and_pepper": 0}
NONE |= dict.fromkeys(["brightness", "contrast", "saturation", "rotation", "gaussian_noise"], 0)
NONE |= {"exposure": 0, "perspective": 0, "filter": 0, "screenshot": 1, "collage": 1}
NONE |= {"thumbnail": 80}
GROUND = np.full((30, 30, 3), 77, dtype=np.uint8)


@pytest.fixture
def image() -> np.ndarray:
    ramp = np.linspace(0, 255, 80)
    channels = [np.add.outer(ramp[:60] * a, ramp * b) for a, b in ((0.5, 0.4), (0, 0.9), (0.8, 0))]
    return np.stack(channels, axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    "edit", MISSION + STRONG + HARD + (Edit("downscale", 4), Edit("hue", 40)), ids=str
)
def test_same_generator_same_pixels_and_the_input_stays(image: np.ndarray, edit: Edit) -> None:
    before = image.copy()
    first = apply_edit(image, edit, np.random.default_rng(5), GROUND)
    second = apply_edit(image, edit, np.random.default_rng(5), GROUND)
    assert first.dtype == np.uint8
    assert first.ndim == 3
    assert first.shape[2] == 3
    assert np.array_equal(first, second)
    assert not np.array_equal(first, image)
    assert np.array_equal(image, before)
    first[:] = 0
    assert np.array_equal(image, before)


@pytest.mark.parametrize(("family", "severity"), NONE.items())
def test_no_strength_changes_nothing(image: np.ndarray, family: str, severity: float) -> None:
    edited = apply_edit(image, Edit(family, severity), np.random.default_rng(0), GROUND)
    assert edited.shape == image.shape
    assert np.abs(edited.astype(int) - image).max() <= 1


def test_zoom_crops_one_over_z_of_each_side_at_many_places(image: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    crops = [apply_edit(image, Edit("zoom", 1.5), rng) for _ in range(50)]
    assert {crop.shape for crop in crops} == {(40, 53, 3)}
    assert len({crop[0, 0].tobytes() + crop[-1, -1].tobytes() for crop in crops}) > 30


def test_shares_and_strengths_are_what_they_say(image: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    grey = np.full((200, 200, 3), 128, dtype=np.uint8)
    peppered = apply_edit(grey, Edit("salt_and_pepper", 0.1), rng)
    assert np.mean(peppered[..., 0] != 128) == pytest.approx(0.1, abs=0.01)
    assert (peppered[..., 0] == 255).sum() == pytest.approx((peppered == 0)[..., 0].sum(), rel=0.15)
    noisy = apply_edit(grey, Edit("gaussian_noise", 20), rng).astype(float)
    assert noisy.std() == pytest.approx(20, rel=0.03)
    bright = {apply_edit(grey, Edit("brightness", 0.5), rng).max() for _ in range(20)}
    assert bright == {192, 85}
    gray = apply_edit(image, Edit("grayscale", 1), rng)
    assert np.ptp(gray.astype(int), axis=-1).max() == 0
    red = np.zeros((4, 4, 3), dtype=np.uint8) + np.array([255, 0, 0], dtype=np.uint8)
    turned = {tuple(apply_edit(red, Edit("hue", 120), rng)[0, 0] > 250) for _ in range(20)}
    assert turned == {(False, True, False), (False, False, True)}


def test_geometry_keeps_the_sizes_it_promises(image: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    shape = {edit.family: apply_edit(image, edit, rng).shape[:2] for edit in STRONG}
    assert shape["mirror"] == shape["rotation"] == shape["jpeg"] == (60, 80)
    assert shape["border"] == (72, 92)
    assert shape["caption"] == (69, 80)
    assert shape["aspect"] in {(60, 108), (81, 80)}
    assert apply_edit(image, Edit("rotation", 90), rng).shape[:2] == (80, 60)
    assert apply_edit(image, Edit("downscale", 4), rng).shape[:2] == (15, 20)
    mirrored = apply_edit(image, Edit("mirror", 1), rng)
    assert np.array_equal(mirrored[:, ::-1], image)


def test_jpeg_and_blur_grow_with_severity(image: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    rough = np.random.default_rng(2).integers(0, 256, image.shape, dtype=np.uint8)

    def change(family: str, severity: float) -> float:
        edited = apply_edit(rough, Edit(family, severity), rng)
        return float(np.abs(edited.astype(int) - rough).mean())

    assert change("jpeg", 10) > change("jpeg", 50) > change("jpeg", 90)
    assert change("blur", 5) > change("blur", 1) > change("blur", 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_pixel_survives_every_family(family: str) -> None:
    dot = np.full((1, 1, 3), 9, dtype=np.uint8)
    severity = {"jpeg": 30, "mirror": 1, "rotation": 20, "perspective": 0.2}.get(
        family, FAMILIES[family].lowest or 0.5
    )
    assert apply_edit(dot, Edit(family, severity), np.random.default_rng(0), GROUND).size >= 3


def test_exposure_is_in_stops_and_loses_what_is_beyond_white() -> None:
    grey = np.full((4, 4, 3), 128, dtype=np.uint8)
    found = {int(apply_edit(grey, Edit("exposure", 1), rng()).max()) for rng in generators(20)}
    assert found == {round(128 * 2 ** (1 / 2.2)), round(128 * 2 ** (-1 / 2.2))}
    assert {int(apply_edit(grey, Edit("exposure", 3), rng()).max()) for rng in generators(20)} == {
        255,
        round(128 * 2 ** (-3 / 2.2)),
    }


@pytest.mark.parametrize(("family", "share"), [("screenshot", 0.4), ("collage", 0.25)])
def test_a_surrounded_picture_fills_its_share(family: str, share: float) -> None:
    red = np.zeros((120, 160, 3), dtype=np.uint8) + np.array([255, 0, 0], dtype=np.uint8)
    for rng in generators(10):
        edited = apply_edit(red, Edit(family, share), rng(), GROUND)
        is_red = (edited == (255, 0, 0)).all(axis=-1)
        assert is_red.mean() == pytest.approx(share, abs=0.02)
        if family == "collage":
            assert (edited[~is_red] == 77).mean() > 0.95


def test_a_copy_on_another_picture_needs_one(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="another picture"):
        apply_edit(image, Edit("collage", 0.5), np.random.default_rng(0))


def test_a_thumbnail_has_the_side_it_says_and_nothing_is_enlarged(image: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    assert apply_edit(image, Edit("thumbnail", 20), rng).shape[:2] == (15, 20)
    assert apply_edit(image, Edit("thumbnail", 500), rng).shape == image.shape


def generators(count: int) -> list:
    return [partial(np.random.default_rng, seed) for seed in range(count)]


def test_an_edit_depends_on_seed_edit_and_picture_alone(image: np.ndarray) -> None:
    edit = Edit("zoom", 1.5)
    first = edit_image(image, 3, edit, seed=0)
    assert np.array_equal(first, edit_image(image, 3, edit, seed=0))
    assert not np.array_equal(first, edit_image(image, 4, edit, seed=0))
    assert not np.array_equal(first, edit_image(image, 3, edit, seed=1))
    assert first.shape == (40, 53, 3)


def test_unknown_families_and_impossible_severities_are_refused() -> None:
    with pytest.raises(ConfigError, match="'sepia' is unknown; known: brightness"):
        Edit("sepia", 1)
    with pytest.raises(ConfigError, match=r"zoom: severity 0.5 is outside \[1, 100\]"):
        Edit("zoom", 0.5)
    with pytest.raises(ConfigError, match="hue"):
        Edit("hue", float("nan"))
