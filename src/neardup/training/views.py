"""From a source image to one random view of it. The only file that knows albumentations.

The order is that of a picture's life: it is turned, seen from an angle, mirrored, cropped and
resized, gets a border or caption, is shown on a screen or on another picture, its light and colour
change, something is pasted on it, it shrinks, is blurred and compressed, and noise comes last.
"""

import os
from collections.abc import Callable, Sequence

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else the import asks the network

import albumentations as A
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from neardup.training.config import AugmentConfig
from neardup.training.encoder import squash
from neardup.training.surroundings import caption, collage, screenshot

Image = NDArray[np.uint8]
Change = Callable[[Image, np.random.Generator], Image]
Changes = list[tuple[float, Change]]
"""Each with its probability, in the order in which they happen."""

cv2.setNumThreads(0)  # loader processes are the parallelism


class ViewMaker:
    """Makes views. Holds no random state: the same ``key`` gives the same view, in any process.

    Args:
        config: probabilities and strengths.
        image_size: side S of the views, in pixels.
        others: pictures that a view may be laid on, each (H, W, 3) uint8 RGB; without any, a
            view that was to lie on another picture does not.
    """

    def __init__(
        self, config: AugmentConfig, image_size: int, others: Sequence[Image] = ()
    ) -> None:
        self.config = config
        self.image_size = image_size
        self.others = others
        self._shape = _shape_changes(config)
        self._frame = _frame_changes(config)
        self._pixels = _pixel_changes(config, image_size)

    def __call__(self, image: Image, key: tuple[int, ...], *, anchor: bool = False) -> Image:
        """Make the view that belongs to ``key``.

        Args:
            image: (H, W, 3) uint8 RGB, any size.
            key: non-negative integers, e.g. (seed, epoch, index, which view).
            anchor: the share of untouched views is that of anchors.

        Returns:
            (S, S, 3) uint8 RGB.
        """
        config = self.config
        rng = np.random.default_rng(key)
        if rng.random() < (config.anchor_identity_share if anchor else config.identity_share):
            return _to_input(image, self.image_size)
        if min(image.shape[:2]) > 1:  # nothing is left of a line that is turned and cropped
            image = _change(image, self._shape, rng)
        image = _to_input(self._crop(image, rng), self.image_size)
        image = _change(image, self._frame, rng)
        if rng.random() < config.collage_probability and len(self.others):
            other = self.others[int(rng.integers(len(self.others)))]
            image = collage(image, other, config.collage, rng)
        image = _to_input(image, self.image_size)
        return np.ascontiguousarray(_change(image, self._pixels, rng))

    def _crop(self, image: Image, rng: np.random.Generator) -> Image:
        """Zoom z ~ U[1, max_zoom]: a crop with sides 1/z of the picture's, placed anywhere."""
        config = self.config
        zoom, stretch = 1.0, 1.0
        if rng.random() < config.zoom_probability:
            zoom = rng.uniform(1.0, config.max_zoom)
        if rng.random() < config.aspect_probability:
            stretch = np.sqrt(config.aspect ** rng.uniform(-1.0, 1.0))
        height, width = image.shape[:2]
        crop_height = max(1, round(height * min(1.0, stretch / zoom)))
        crop_width = max(1, round(width * min(1.0, 1.0 / (stretch * zoom))))
        top = rng.integers(height - crop_height + 1)
        left = rng.integers(width - crop_width + 1)
        return image[top : top + crop_height, left : left + crop_width]


def _to_input(image: Image, size: int) -> Image:
    writable = torch.from_numpy(image.copy())  # torch warns of memory that is read only
    return np.ascontiguousarray(squash(writable[None], size)[0].numpy())


def _change(image: Image, changes: Changes, rng: np.random.Generator) -> Image:
    for probability, change in changes:
        if rng.random() < probability:
            image = change(image, rng)
    return image


class _Albumentation:
    """A transform of albumentations, always applied, its random numbers from our generator."""

    def __init__(self, transform: A.BasicTransform | A.OneOf) -> None:
        self._compose = A.Compose([transform])

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        self._compose.set_random_seed(int(rng.integers(2**31)))
        changed: Image = self._compose(image=image)["image"]
        return changed


def _shape_changes(config: AugmentConfig) -> Changes:
    fills = (0, 255)
    turned = [
        A.Rotate(config.rotation, border_mode=cv2.BORDER_CONSTANT, fill=fill) for fill in fills
    ]
    turned.append(A.Rotate(config.rotation, crop_border=True))
    corners = (0.0, config.perspective)
    seen = [A.Perspective(corners, fit_output=True, fill=fill) for fill in fills]
    seen.append(A.Perspective(corners))  # cut to what is picture
    return [
        (config.rotation_probability, _Albumentation(A.OneOf(turned, p=1.0))),
        (config.perspective_probability, _Albumentation(A.OneOf(seen, p=1.0))),
        (config.mirror_probability, _Albumentation(A.HorizontalFlip(p=1.0))),
        (config.flip_probability, _Albumentation(A.VerticalFlip(p=1.0))),
        (config.quarter_turn_probability, _Albumentation(A.RandomRotate90(p=1.0))),
    ]


def _frame_changes(config: AugmentConfig) -> Changes:
    borders = [
        A.CropAndPad(percent=(0.0, config.border), sample_independently=False, keep_size=False,
                     fill=fill)
        for fill in (0, 128, 255)
    ]  # fmt: skip
    return [
        (config.border_probability, _Albumentation(A.OneOf(borders, p=1.0))),
        (config.caption_probability, caption),
        (config.screenshot_probability, screenshot),
    ]


def _pixel_changes(config: AugmentConfig, image_size: int) -> Changes:
    percent = 100.0 * config.gamma
    gain = 2.0 ** (config.exposure / 2.2)  # stops double light, and a value is light ** (1 / 2.2)
    exposure = [A.MultiplicativeNoise((1.0 / gain, 1.0)), A.MultiplicativeNoise((1.0, gain))]
    gamma = [A.RandomGamma((1e4 / percent, 100.0)), A.RandomGamma((100.0, percent))]
    overlay = A.CoarseDropout(
        num_holes_range=(1, 2),
        hole_height_range=(0.05, 0.3),
        hole_width_range=(0.05, 0.3),
        fill="random_uniform",
        p=1.0,
    )
    blur = A.GaussianBlur(blur_limit=0, sigma_limit=(0.3, 0.3 + config.blur * image_size), p=1.0)
    jpeg = A.ImageCompression(quality_range=(config.jpeg_quality, 95), p=1.0)
    filters = [
        A.ToSepia(p=1.0),
        A.Posterize(num_bits=(2, 4), p=1.0),
        A.Solarize(threshold_range=(0.5, 0.9), p=1.0),
        A.Equalize(p=1.0),
    ]
    thumbnail = A.Downscale(
        scale_range=(config.thumbnail, 0.5),
        interpolation_pair={"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR},
        p=1.0,
    )
    light = ((1.0 - x, 1.0 + x) for x in (config.brightness, config.contrast, config.saturation))
    hue = config.hue / 360.0  # a share of the whole turn
    colour = A.ColorJitter(*light, hue=(-hue, hue), p=1.0)
    salt_pepper = A.SaltAndPepper(amount=(0.0, config.salt_pepper), p=1.0)
    gaussian = A.GaussNoise(std_range=(0.0, config.gaussian), p=1.0)
    return [
        (config.exposure_probability, _Albumentation(A.OneOf(exposure, p=1.0))),
        (config.gamma_probability, _Albumentation(A.OneOf(gamma, p=1.0))),
        (config.colour_probability, _Albumentation(colour)),
        (config.grayscale_probability, _Albumentation(A.ToGray(p=1.0))),
        (config.filter_probability, _Albumentation(A.OneOf(filters, p=1.0))),
        (config.overlay_probability, _Albumentation(overlay)),
        (config.thumbnail_probability, _Albumentation(thumbnail)),
        (config.blur_probability, _Albumentation(blur)),
        (config.jpeg_probability, _Albumentation(jpeg)),
        (config.salt_pepper_probability, _Albumentation(salt_pepper)),
        (config.gaussian_probability, _Albumentation(gaussian)),
    ]
