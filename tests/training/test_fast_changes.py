"""The fast engine against albumentations: same bytes for the same strengths, same distributions.

Distributions are compared by two-sample Kolmogorov-Smirnov tests of what is measured on each view.
Seeds are fixed, so a test that passes keeps passing; that the tests would notice a difference is
tested too, on changes that are deliberately a little off.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache

import albumentations.augmentations.pixel.functional as slow
import cv2
import numpy as np
import pytest
from scipy.stats import kstest

from neardup.procedural import generate
from neardup.training import fast_changes as fast
from neardup.training.config import AugmentConfig
from neardup.training.views import ViewMaker

SIZE, VIEWS = 24, 2000
LIKELY, NEVER = 1e-3, 1e-5
OFF = AugmentConfig(
    identity_share=0.0,
    **{f.name: 0.0 for f in fields(AugmentConfig) if f.name.endswith("_probability")},
)
COLOUR = replace(OFF, colour_probability=1.0)
STILL = replace(COLOUR, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
SALT_PEPPER = replace(OFF, salt_pepper_probability=1.0, salt_pepper=0.3)
GAUSSIAN = replace(OFF, gaussian_probability=1.0)

Statistic = Callable[[np.ndarray], float]


def flat(value: int) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), value, np.uint8)


def harsh() -> np.ndarray:
    """Half near black, half near white, so that what is cut off depends on the order of changes."""
    image = np.random.default_rng(7).integers(0, 90, (SIZE, SIZE, 3), dtype=np.uint8)
    image[: SIZE // 2] = 255 - image[: SIZE // 2] // 2
    return image


IMAGES = {
    "picture": lambda: generate(3, 2, SIZE)[:SIZE, :SIZE],
    "harsh": harsh,
    "grey": lambda: flat(128),
    "dark": lambda: flat(3),
    "bright": lambda: flat(250),
}


def noise(view: np.ndarray) -> np.ndarray:
    return view.astype(float) - 128


COLOUR_STATISTICS: dict[str, Statistic] = {
    "mean": lambda view: view.mean(),
    "deviation": lambda view: view.std(),
    "saturation": lambda view: np.ptp(view, axis=-1).mean(),
    "red": lambda view: view[..., 0].mean(),
    "blue over green": lambda view: view[..., 2].mean() - view[..., 1].mean(),
    "hue of a pixel": lambda view: cv2.cvtColor(view, cv2.COLOR_RGB2HSV)[5, 5, 0],
    "white": lambda view: (view == 255).mean(),
    "black": lambda view: (view == 0).mean(),
}
SALT_PEPPER_STATISTICS: dict[str, Statistic] = {
    "replaced": lambda view: (view != 128).mean(),
    "salt of all": lambda view: (view == 255).sum() / max(1, (view != 128).sum()),
    "one channel only": lambda view: np.ptp(view, axis=-1).max(),
    "rows": lambda view: np.nan_to_num(np.nonzero(view != 128)[0].astype(float)).sum(),
}
GAUSSIAN_STATISTICS: dict[str, Statistic] = {
    "mean": lambda view: noise(view).mean(),
    "deviation": lambda view: noise(view).std(),
    "tails": lambda view: (noise(view) ** 4).mean() / max(1.0, noise(view).var()) ** 2,
    "cut off to zero": lambda view: (view == 128).mean(),
    "between channels": lambda view: (noise(view)[..., 0] * noise(view)[..., 1]).mean(),
    "between neighbours": lambda view: (noise(view)[:, 1:] * noise(view)[:, :-1]).mean(),
}
CLIPPED: dict[str, Statistic] = {
    "mean": lambda view: view.mean(),
    "at the end": lambda view: ((view == 0) | (view == 255)).mean(),
}
CASES = {
    "colour": (COLOUR, "picture", COLOUR_STATISTICS),
    **{
        name: (replace(STILL, **{name: strength}), "picture", COLOUR_STATISTICS)
        for name, strength in {
            "brightness": 0.4,
            "contrast": 0.4,
            "saturation": 0.4,
            "hue": 36.0,
        }.items()
    },
    "order": (replace(STILL, brightness=0.8, contrast=0.8), "harsh", COLOUR_STATISTICS),
    "salt and pepper": (SALT_PEPPER, "grey", SALT_PEPPER_STATISTICS),
    "gaussian": (GAUSSIAN, "grey", GAUSSIAN_STATISTICS),
    "gaussian on black": (GAUSSIAN, "dark", CLIPPED),
    "gaussian on white": (GAUSSIAN, "bright", CLIPPED),
    "mission": (AugmentConfig(), "picture", COLOUR_STATISTICS),
}


@cache
def measured(case: str, engine: str) -> dict[str, np.ndarray]:
    config, image, statistics = CASES[case]
    make_view, source = ViewMaker(replace(config, engine=engine), SIZE), IMAGES[image]()
    views = [make_view(source, (9, engine == "fast", k)) for k in range(VIEWS)]
    return {name: np.array([f(view) for view in views]) for name, f in statistics.items()}


def alike(left: np.ndarray, right: np.ndarray) -> float:
    return float(kstest(left, right, method="asymp").pvalue)


def probabilities(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> dict[str, float]:
    """The probability that both are drawn alike, for each statistic."""
    return {name: alike(left[name], right[name]) for name in left}


@pytest.mark.parametrize("case", CASES)
def test_the_engines_draw_views_alike(case: str) -> None:
    found = probabilities(measured(case, "fast"), measured(case, "albumentations"))
    assert min(found.values()) > LIKELY / len(found), found


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [
        (fast.change_brightness, slow.adjust_brightness_torchvision, 0.0, 2.0),
        (fast.change_contrast, slow.adjust_contrast_torchvision, 0.0, 2.0),
        (fast.change_saturation, slow.adjust_saturation_torchvision, 0.0, 2.0),
        (fast.turn_hue, slow.adjust_hue_torchvision, -0.5, 0.5),
    ],
)
def test_a_colour_change_of_given_strength_is_the_same_to_the_byte(
    ours: Callable, theirs: Callable, low: float, high: float
) -> None:
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (30, 40, 3), dtype=np.uint8), harsh(), generate(3, 3, 40)]
    for image in pictures:
        for strength in rng.uniform(low, high, 40):
            np.testing.assert_array_equal(ours(image, strength), theirs(image, strength))


class FixedOrder(fast.ColorJitter):
    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for change, reach in (
            (fast.change_brightness, self.brightness),
            (fast.change_contrast, self.contrast),
        ):
            image = change(image, 1 + rng.uniform(-reach, reach))
        return image


class HalfSalt(fast.SaltAndPepper):
    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        ends = rng.choice([0, 255], image.shape[:2])[..., None]
        replaced = rng.random(image.shape[:2])[..., None] < rng.uniform(0, self.amount)
        return np.where(replaced, ends, image).astype(np.uint8)


@dataclass(frozen=True)
class Rounded:
    std: float
    channels: int = 3

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        strength = 255 * rng.uniform(0, self.std)
        drawn = rng.normal(0, strength, (*image.shape[:2], self.channels))
        return np.clip(np.rint(image + drawn), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("case", "wrong", "seen_in"),
    [
        ("order", FixedOrder(0.8, 0.8, 0.0, 0.0), "mean"),
        ("brightness", fast.ColorJitter(0.3, 0.0, 0.0, 0.0), "mean"),
        ("contrast", fast.ColorJitter(0.0, 0.3, 0.0, 0.0), "deviation"),
        ("saturation", fast.ColorJitter(0.0, 0.0, 0.3, 0.0), "saturation"),
        ("hue", fast.ColorJitter(0.0, 0.0, 0.0, 0.075), "hue of a pixel"),
        ("salt and pepper", fast.SaltAndPepper(0.26), "replaced"),
        ("salt and pepper", HalfSalt(0.3), "salt of all"),
        ("gaussian", fast.GaussNoise(0.105), "deviation"),
        ("gaussian", Rounded(0.12), "cut off to zero"),
        ("gaussian", Rounded(0.12, channels=1), "between channels"),
    ],
)
def test_a_wrong_change_would_be_noticed(case: str, wrong: Callable, seen_in: str) -> None:
    source, statistic = IMAGES[CASES[case][1]](), CASES[case][2][seen_in]
    rng = np.random.default_rng(4)
    views = np.array([statistic(wrong(source, rng)) for _ in range(VIEWS)])
    assert alike(views, measured(case, "albumentations")[seen_in]) < NEVER


def test_a_view_is_a_function_of_its_key_alone() -> None:
    """Neither of the views made before it, nor of anyone else's random numbers."""
    source = IMAGES["picture"]()
    config = replace(
        AugmentConfig(), identity_share=0.0, salt_pepper_probability=1.0, gaussian_probability=1.0
    )
    first = [ViewMaker(config, SIZE)(source, (1, k)) for k in range(4)]
    cv2.setRNGSeed(99)
    np.random.seed(99)
    again = [ViewMaker(config, SIZE)(source, (1, k)) for k in reversed(range(4))]
    for view, same in zip(first, reversed(again), strict=True):
        np.testing.assert_array_equal(view, same)
    assert len({view.tobytes() for view in first}) == 4


def test_changes_leave_the_picture_they_are_given_alone() -> None:
    source = IMAGES["picture"]().copy()
    source.setflags(write=False)
    for change in (
        fast.ColorJitter(0.4, 0.4, 0.4, 0.1), fast.SaltAndPepper(0.5), fast.GaussNoise(0.2)
    ):  # fmt: skip
        assert not np.array_equal(change(source, np.random.default_rng(0)), source)
