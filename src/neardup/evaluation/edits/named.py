"""The named transformations that a copy may have gone through, with a strength in human units.

An :class:`Edit` is a family and a severity; :data:`FAMILIES` says what the severity of each family
means and where it leaves the picture unchanged. The same generator state gives the same pixels.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neardup.errors import ConfigError
from neardup.evaluation.edits import geometry, pixels
from neardup.evaluation.edits.pixels import Pixels


class Family(NamedTuple):
    """One kind of transformation.

    Attributes:
        apply: (image (H, W, 3) uint8, severity, generator) -> (H', W', 3) uint8; a family that
            is ``on_ground`` takes another picture as a fourth argument.
        label: how an edit of this family is written, with ``{}`` for the severity.
        unit: what the severity measures.
        lowest, highest: the severities that are allowed.
        on_ground: the picture is laid on another one, which the edit then shows as well.
    """

    apply: Callable[..., Pixels]
    label: str
    unit: str
    lowest: float
    highest: float
    on_ground: bool = False


def _all_three(image: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Colour, then zoom and crop by ``factor``, then noise: the mission's hardest copy."""
    image = pixels.brightness(image, 0.3, rng)
    image = pixels.contrast(image, 0.3, rng)
    image = pixels.hue_saturation(image, 18, rng)
    image = geometry.zoom(image, factor, rng)
    image = pixels.salt_and_pepper(image, 0.02, rng)
    return pixels.gaussian_noise(image, 15, rng)


def _all_at_once(image: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """What a picture may go through before it is met again: most of the families, mildly."""
    if rng.random() < 0.5:
        image = geometry.mirror(image, 1, rng)
    image = geometry.rotation(image, 5, rng)
    image = geometry.zoom(image, factor, rng)
    image = geometry.aspect(image, 1.15, rng)
    image = pixels.exposure(image, 0.7, rng)
    image = pixels.hue_saturation(image, 18, rng)
    image = geometry.caption(image, 0.12, rng)
    image = pixels.gaussian_noise(image, 12, rng)
    return pixels.jpeg(image, 30, rng)


FAMILIES: dict[str, Family] = {
    "brightness": Family(pixels.brightness, "brightness {:.0%}", "relative change", 0, 20),
    "contrast": Family(pixels.contrast, "contrast {:.0%}", "relative change", 0, 20),
    "saturation": Family(pixels.saturation, "saturation {:.0%}", "relative change", 0, 20),
    "hue": Family(pixels.hue, "hue {:g}°", "degrees of the hue circle", 0, 180),
    "hue_saturation": Family(
        pixels.hue_saturation,
        "hue {:g}° & saturation",
        "degrees; saturation 1 + degrees/60",
        *(0, 180),
    ),
    "zoom": Family(geometry.zoom, "zoom {:g}x", "cropped side is 1/severity", 1, 100),
    "salt_and_pepper": Family(
        pixels.salt_and_pepper, "salt & pepper {:.0%}", "share of the pixels", 0, 1
    ),
    "gaussian_noise": Family(
        pixels.gaussian_noise, "Gaussian noise {:g}", "standard deviation in levels of 255", 0, 255
    ),
    "all_three": Family(
        _all_three, "all three at zoom {:g}x", "zoom; colour and noise stay as they are", 1, 100
    ),
    "jpeg": Family(pixels.jpeg, "JPEG {:g}", "quality, lower is harsher", 1, 95),
    "blur": Family(pixels.blur, "blur {:g} %", "sigma in % of the shorter side", 0, 50),
    "grayscale": Family(pixels.grayscale, "grayscale {:.0%}", "share of colour removed", 0, 1),
    "rotation": Family(geometry.rotation, "rotation {:g}°", "degrees, either way", 0, 180),
    "mirror": Family(geometry.mirror, "mirror", "1 mirrors, 0 does not", 0, 1),
    "aspect": Family(geometry.aspect, "aspect {:g}", "one side stretched by this", 1, 10),
    "border": Family(geometry.border, "border {:.0%}", "width over the shorter side", 0, 1),
    "caption": Family(geometry.caption, "caption {:.0%}", "height over the picture's height", 0, 1),
    "downscale": Family(geometry.downscale, "downscale {:g}x", "sides divided by this", 1, 100),
    "thumbnail": Family(geometry.thumbnail, "thumbnail {:g} px", "longer side in pixels", 1, 10000),
    "exposure": Family(pixels.exposure, "exposure {:g} stops", "stops, either way", 0, 10),
    "perspective": Family(
        geometry.perspective, "perspective {:.0%}", "most that a corner moves, of the side", 0, 0.45
    ),
    "filter": Family(pixels.filtered, "filter", "1 filters, 0 does not", 0, 1),
    "meme": Family(geometry.meme, "meme {:.0%}", "height of the letters over that", 0.01, 0.4),
    "screenshot": Family(
        geometry.screenshot, "screenshot {:.0%}", "share of the screen's area", 0.05, 1
    ),
    "collage": Family(
        geometry.collage, "on another {:.0%}", "share of its area", 0.01, 1, on_ground=True
    ),
    "all_at_once": Family(_all_at_once, "all at once, zoom {:g}x", "zoom; the rest stays", 1, 100),
}


@dataclass(frozen=True, slots=True)
class Edit:
    """A transformation at a strength.

    Attributes:
        family: a key of :data:`FAMILIES`.
        severity: in the family's own unit.

    Raises:
        ConfigError: an unknown family or a severity outside its range.
    """

    family: str
    severity: float

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ConfigError(f"edit {self.family!r} is unknown; known: {', '.join(FAMILIES)}")
        family = FAMILIES[self.family]
        if not family.lowest <= self.severity <= family.highest:
            raise ConfigError(
                f"edit {self.family}: severity {self.severity} is outside "
                f"[{family.lowest:g}, {family.highest:g}] ({family.unit})"
            )

    @property
    def name(self) -> str:
        """What tables and figures call it, such as ``zoom 1.5x``."""
        return FAMILIES[self.family].label.format(self.severity)


def apply_edit(
    image: Pixels, edit: Edit, rng: np.random.Generator, ground: Pixels | None = None
) -> Pixels:
    """The edited picture.

    Args:
        image: (H, W, 3) uint8 RGB; left as it is.
        edit: family and severity.
        rng: source of place, direction and noise.
        ground: the other picture, for an edit whose family is ``on_ground``.

    Returns:
        (H', W', 3) uint8 RGB of its own size: a crop is not scaled back.

    Raises:
        ValueError: the edit needs a ground.
    """
    family = FAMILIES[edit.family]
    if not family.on_ground:
        return family.apply(image, edit.severity, rng)
    if ground is None:
        raise ValueError(f"{edit.name}: needs another picture to lie on")
    return family.apply(image, edit.severity, rng, ground)


def edit_image(
    image: Pixels, index: int, edit: Edit, *, seed: int, ground: Pixels | None = None
) -> Pixels:
    """The edited picture; its randomness depends on ``seed``, the edit and ``index`` alone."""
    rng = np.random.default_rng([seed, zlib.crc32(edit.name.encode()), index])
    return apply_edit(image, edit, rng, ground)


MISSION = (
    Edit("brightness", 0.4), Edit("contrast", 0.4), Edit("hue_saturation", 18), Edit("zoom", 1.5),
    Edit("salt_and_pepper", 0.05), Edit("gaussian_noise", 25), Edit("all_three", 1.5),
)  # fmt: skip
"""The transformations that the encoder is trained for, at the far end of their range."""

STRONG = (
    Edit("jpeg", 10), Edit("blur", 2), Edit("grayscale", 1), Edit("rotation", 8), Edit("mirror", 1),
    Edit("caption", 0.15), Edit("border", 0.1), Edit("aspect", 1.35), Edit("zoom", 2.5),
)  # fmt: skip
"""Common transformations that the default training does not show."""

HARD = (
    Edit("zoom", 3), Edit("zoom", 4), Edit("rotation", 25), Edit("rotation", 90),
    Edit("rotation", 180), Edit("exposure", 2.5), Edit("perspective", 0.2), Edit("meme", 0.14),
    Edit("screenshot", 0.4), Edit("collage", 0.5), Edit("collage", 0.25), Edit("filter", 1),
    Edit("all_at_once", 1.5), Edit("thumbnail", 48),
)  # fmt: skip
"""What is left of a picture after it went around: copies that most methods lose."""
