"""Where training stopped, in the units of the edits: what the robustness map marks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from neardup.errors import ConfigError


def read_training(run: Path) -> dict[str, Any]:
    """The configuration of a training run; empty if ``run`` is not the folder of one.

    Raises:
        ConfigError: it is damaged.
    """
    path = run / "config.yaml"
    if not path.is_file():
        return {}
    try:
        return dict(yaml.safe_load(path.read_text("utf-8")))
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is damaged: {str(error).splitlines()[0]}") from error


def trained_limits(augment: Mapping[str, Any]) -> dict[str, float]:
    """The harshest severity of each family that the training's ``augment`` section shows.

    Keys of the result are families of :data:`neardup.evaluation.edits.FAMILIES`.
    """

    def limit(strength: str, probability: str) -> float | None:
        shown = augment.get(probability, 0) > 0
        return float(augment[strength]) if shown and strength in augment else None

    found = {
        "brightness": limit("brightness", "colour_probability"),
        "contrast": limit("contrast", "colour_probability"),
        "saturation": limit("saturation", "colour_probability"),
        "hue": limit("hue", "colour_probability"),
        "zoom": limit("max_zoom", "zoom_probability"),
        "salt_and_pepper": limit("salt_pepper", "salt_pepper_probability"),
        "gaussian_noise": limit("gaussian", "gaussian_probability"),
        "jpeg": limit("jpeg_quality", "jpeg_probability"),
        "blur": limit("blur", "blur_probability"),
        "rotation": limit("rotation", "rotation_probability"),
        "aspect": limit("aspect", "aspect_probability"),
        "border": limit("border", "border_probability"),
    }
    factors = {"gaussian_noise": 255.0, "blur": 100.0}  # to the units of the families
    limits = {k: v * factors.get(k, 1.0) for k, v in found.items() if v is not None}
    for family, harshest in (("grayscale", 1.0), ("mirror", 1.0), ("caption", 0.25)):
        if augment.get(f"{family}_probability", 0) > 0:
            limits[family] = harshest
    return limits
