"""Views: how often, how strong, and of what form."""

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
import torch

from neardup.procedural import generate
from neardup.training.config import AugmentConfig
from neardup.training.encoder import squash
from neardup.training.views import ViewMaker

SIZE = 48
OFF = AugmentConfig(
    identity_share=0.0,
    anchor_identity_share=0.0,
    **{f.name: 0.0 for f in fields(AugmentConfig) if f.name.endswith("_probability")},
)
PROBABILITIES = [f.name for f in fields(AugmentConfig) if f.name.endswith("_probability")]
STRONG = AugmentConfig(
    exposure_probability=0.3, gamma_probability=0.3, max_zoom=2.5, jpeg_probability=0.3,
    blur_probability=0.2, grayscale_probability=0.1, rotation_probability=0.2,
    mirror_probability=0.3, aspect_probability=0.3, border_probability=0.15,
    caption_probability=0.15, overlay_probability=0.15, filter_probability=0.2,
    thumbnail_probability=0.2, flip_probability=0.2, quarter_turn_probability=0.2,
    perspective_probability=0.2, screenshot_probability=0.2, collage_probability=0.2,
)  # fmt: skip
OTHERS = [np.full((40, 30, 3), colour, np.uint8) for colour in ((9, 90, 200), (250, 250, 0))]


def views(config: AugmentConfig, image: np.ndarray, count: int = 60) -> list[np.ndarray]:
    make_view = ViewMaker(config, SIZE, OTHERS)
    return [make_view(image, (0, key)) for key in range(count)]


def squashed(picture: np.ndarray) -> np.ndarray:
    """As inference sees it, to within a level: see ``test_squash.py``."""
    return squash(torch.from_numpy(picture)[None], SIZE)[0].numpy()


def flat(value: int | tuple[int, int, int], side: int = SIZE) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return generate(1, 1, 70)[:60]


@pytest.mark.parametrize("config", [AugmentConfig(), STRONG, OFF], ids=["mission", "strong", "off"])
@pytest.mark.parametrize("shape", [(60, 70), (48, 48), (9, 300), (500, 20)])
def test_a_view_is_a_small_square(config: AugmentConfig, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    image.setflags(write=False)  # as it comes from the cache
    for view in views(config, image, 40):
        assert view.shape == (SIZE, SIZE, 3)
        assert view.dtype == np.uint8
        assert view.flags.c_contiguous


def test_nothing_on_means_nothing_done(picture: np.ndarray) -> None:
    for view in views(OFF, picture, 5):
        np.testing.assert_array_equal(view, squashed(picture))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_identity_views(share: float, picture: np.ndarray) -> None:
    config = AugmentConfig(identity_share=share, colour_probability=1.0)
    untouched = squashed(picture)
    found = [np.array_equal(view, untouched) for view in views(config, picture, 300)]
    assert np.mean(found) == pytest.approx(share, abs=0.09)


@pytest.mark.parametrize("name", PROBABILITIES)
def test_every_change_happens_when_it_is_asked_for(name: str, picture: np.ndarray) -> None:
    untouched = squashed(picture)
    changed = [
        not np.array_equal(view, untouched)
        for view in views(replace(OFF, **{name: 1.0}), picture, 30)
    ]
    at_no_strength = {"quarter_turn_probability": 0.5, "border_probability": 0.6}  # 0 turns, 0 wide
    assert np.mean(changed) > at_no_strength.get(name, 0.8)


@pytest.mark.parametrize("max_zoom", [1.5, 2.5])
def test_zoom_keeps_at_least_its_share_of_each_side(max_zoom: float) -> None:
    """Red and green of the picture are the place in it, so a view shows what it was cut from."""
    height, width = 180, 240
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([255 * x / width, 255 * y / height, 0 * x], axis=-1).astype(np.uint8)
    sides, starts = [], []
    for view in views(replace(OFF, zoom_probability=1.0, max_zoom=max_zoom), image, 300):
        for channel in (0, 1):
            line = view[..., channel].mean(axis=channel) / 255
            sides.append((line[-1] - line[0]) * SIZE / (SIZE - 1))
            starts.append(line[0])
    assert min(sides) >= 1 / max_zoom - 0.02
    assert min(sides) < 1 / max_zoom + 0.04
    assert max(sides) > 0.97
    assert min(starts) < 0.02
    assert max(starts) > 0.8 * (1 - 1 / max_zoom)  # the crop is placed anywhere


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (300, 1), (2, 2)])
def test_a_picture_of_one_line_is_no_obstacle(shape: tuple[int, int]) -> None:
    config = replace(STRONG, identity_share=0.0, rotation_probability=1.0, aspect=4.0)
    for view in views(config, np.zeros((*shape, 3), np.uint8)):
        assert view.shape == (SIZE, SIZE, 3)


def test_brightness_is_bounded() -> None:
    config = replace(OFF, colour_probability=1.0, contrast=0.0, saturation=0.0, hue=0.0)
    means = [view.mean() for view in views(replace(config, brightness=0.4), flat(100), 200)]
    assert 59 <= min(means) < 66
    assert 134 < max(means) <= 141


def test_gamma_darkens_and_lightens_within_its_bounds() -> None:
    config = replace(OFF, gamma_probability=1.0, gamma=2.0)
    values = [view[0, 0, 0] / 255 for view in views(config, flat(128), 300)]
    darkest, lightest = (128 / 255) ** 2.0, (128 / 255) ** 0.5
    assert min(values) == pytest.approx(darkest, abs=0.03)
    assert max(values) == pytest.approx(lightest, abs=0.03)
    assert np.mean(np.array(values) > 128 / 255) == pytest.approx(0.5, abs=0.1)


def test_exposure_is_counted_in_stops() -> None:
    config = replace(OFF, exposure_probability=1.0, exposure=2.0)
    light = [(view[0, 0, 0] / 255) ** 2.2 for view in views(config, flat(100), 300)]
    stops = np.log2(np.array(light) / (100 / 255) ** 2.2)
    assert stops.min() == pytest.approx(-2.0, abs=0.1)
    assert stops.max() == pytest.approx(2.0, abs=0.1)
    assert np.mean(stops > 0) == pytest.approx(0.5, abs=0.1)


def test_contrast_is_bounded() -> None:
    config = replace(OFF, colour_probability=1.0, brightness=0.0, saturation=0.0, hue=0.0)
    image = flat(100)
    image[: SIZE // 2] = 150
    gaps = [
        int(view[0, 0, 0]) - int(view[-1, 0, 0])
        for view in views(replace(config, contrast=0.4), image, 200)
    ]
    assert 28 <= min(gaps) < 34
    assert 66 < max(gaps) <= 72


def test_hue_is_bounded_in_degrees() -> None:
    """A pure red turned by h degrees up to 60 has green 255 h / 60 (or as much blue)."""
    config = replace(OFF, colour_probability=1.0, brightness=0.0, contrast=0.0, saturation=0.0)
    turns = [
        60 * int(view[0, 0, 1:].max()) / 255
        for view in views(replace(config, hue=36.0), flat((255, 0, 0)), 200)
    ]
    assert 30 < max(turns) <= 38


def test_noise_is_bounded() -> None:
    grey = flat(128)
    config = replace(OFF, gaussian_probability=1.0, gaussian=0.1)
    deviations = [view.astype(float).std() for view in views(config, grey, 100)]
    assert 20 < max(deviations) < 0.105 * 255
    config = replace(OFF, salt_pepper_probability=1.0, salt_pepper=0.06)
    replaced = [(view != 128).any(axis=-1).mean() for view in views(config, grey, 100)]
    assert 0.05 < max(replaced) <= 0.061
    values = np.unique(np.stack(views(config, grey, 100)))
    assert set(values.tolist()) <= {0, 128, 255}


def test_anchors_have_a_share_of_their_own(picture: np.ndarray) -> None:
    config = replace(OFF, anchor_identity_share=1.0, colour_probability=1.0)
    make_view = ViewMaker(config, SIZE)
    np.testing.assert_array_equal(make_view(picture, (1, 2), anchor=True), squashed(picture))
    assert not np.array_equal(make_view(picture, (1, 2)), squashed(picture))


def test_a_border_is_at_most_as_wide_as_it_says() -> None:
    widths = []
    for view in views(replace(OFF, border_probability=1.0, border=0.25), flat((200, 30, 60))):
        middle = (view[SIZE // 2] == (200, 30, 60)).all(axis=-1)
        widths.append((1 - middle.mean()) / 2)
    assert 0.1 < max(widths) <= 0.25 / 1.5 + 0.03  # of a picture that has grown by both


@pytest.mark.parametrize("name", ["caption", "screenshot"])
def test_what_is_around_a_picture_does_not_cover_it(name: str) -> None:
    colour = (200, 30, 60)
    shares = [
        (np.abs(view.astype(int) - colour).max(axis=-1) < 3).mean()
        for view in views(replace(OFF, **{f"{name}_probability": 1.0}), flat(colour, 200))
    ]
    assert 0.2 < min(shares) < max(shares) < 0.95


def test_a_view_lies_on_another_picture_of_at_least_its_share() -> None:
    config = replace(OFF, collage_probability=1.0, collage=0.3)
    grey = flat(128)
    shares, grounds = [], set()
    for view in views(config, grey, 100):
        is_grey = (np.abs(view.astype(int) - 128) < 3).all(axis=-1)
        shares.append(is_grey.mean())
        grounds.add(tuple(view[~is_grey][0].tolist()))
    assert 0.25 < min(shares) < 0.4
    assert 0.55 < max(shares) < 0.75
    assert grounds == {(9, 90, 200), (250, 250, 0)}
    np.testing.assert_array_equal(
        ViewMaker(config, SIZE)(grey, (0, 0)), grey
    )  # no other, no collage


def test_a_thumbnail_leaves_few_different_pixels() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    config = replace(OFF, thumbnail_probability=1.0, thumbnail=0.25)
    spread = [view.std() for view in views(config, noise)]
    assert max(spread) < 0.7 * noise.std()


def test_a_view_is_a_function_of_its_key_alone(picture: np.ndarray) -> None:
    """Neither of the views made before it, nor of anyone else's random numbers."""
    first = [ViewMaker(STRONG, SIZE, OTHERS)(picture, (1, k)) for k in range(8)]
    cv2.setRNGSeed(99)
    np.random.seed(99)
    again = [ViewMaker(STRONG, SIZE, OTHERS)(picture, (1, k)) for k in reversed(range(8))]
    for view, same in zip(first, reversed(again), strict=True):
        np.testing.assert_array_equal(view, same)
    assert len({view.tobytes() for view in first}) == 8
