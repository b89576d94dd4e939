"""How far a picture may be changed and still be found: recall by kind of change and strength."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from neardup.distance import l2
from neardup.errors import ConfigError, ImageError
from neardup.evaluation.edits.named import Edit
from neardup.evaluation.edits.pixels import Pixels
from neardup.evaluation.measures.synthetic import edit_image
from neardup.evaluation.methods import Method
from neardup.evaluation.protocols.plan import Pictures
from neardup.progress import progress

LADDER: dict[str, tuple[float, ...]] = {
    "brightness": (0.1, 0.2, 0.4, 0.8, 1.5, 3.0),
    "contrast": (0.1, 0.2, 0.4, 0.8, 1.5, 3.0),
    "saturation": (0.1, 0.2, 0.4, 0.8, 1.5, 3.0),
    "hue": (9, 18, 36, 60, 90, 180),
    "zoom": (1.0, 1.2, 1.5, 2.0, 2.5, 3.0),
    "salt_and_pepper": (0.01, 0.03, 0.06, 0.12, 0.25, 0.5),
    "gaussian_noise": (5, 10, 20, 40, 60, 80),
    "jpeg": (80, 50, 30, 20, 10, 5),
    "blur": (0.5, 1, 2, 3, 5, 8),
    "grayscale": (0.2, 0.4, 0.6, 0.8, 0.9, 1.0),
    "rotation": (2, 5, 10, 20, 45, 90),
    "mirror": (1,),
    "aspect": (1.05, 1.15, 1.35, 1.6, 2.0, 3.0),
    "border": (0.02, 0.05, 0.1, 0.15, 0.25, 0.4),
    "caption": (0.05, 0.1, 0.15, 0.25, 0.35, 0.5),
    "downscale": (1.5, 2, 4, 8, 12, 16),
}
"""Severities of each family, mild to harsh, in the family's unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One kind of change at one strength.

    Attributes:
        family, severity: the edit.
        recall: share of the pictures within the threshold of their edit, in [0, 1].
        median_distance: of the edits to their originals, L2.
        beyond_training: the training showed no such change, or only milder ones; None: not known.
    """

    family: str
    severity: float
    recall: float
    median_distance: float
    beyond_training: bool | None


def measure(
    pictures: Pictures,
    chosen: Sequence[int],
    method: Method,
    threshold: float,
    *,
    trained_to: Mapping[str, float] | None,
    seed: int,
    batch_size: int,
    show_progress: bool = False,
) -> list[Cell]:
    """Recall of every family and severity of :data:`LADDER`.

    Args:
        pictures: where the originals come from.
        chosen: which of them; those that cannot be read are left out.
        method: an encoder.
        threshold: L2.
        trained_to: harshest severity of each family that the training showed; a family that is
            not in it was not shown. None: not known.
        seed: of the edits.
        batch_size: pictures encoded at once.
        show_progress: on stderr.
    """
    edits = [Edit(family, severity) for family, steps in LADDER.items() for severity in steps]
    distances: list[NDArray[np.float32]] = []
    total = len(chosen) * len(edits)
    with progress("robustness", total, show=show_progress) as advance:
        for index in chosen:
            try:
                image = pictures.load(index)
            except ImageError:
                continue
            views = [image, *(edit_image(image, index, edit, seed=seed) for edit in edits)]
            vectors = _encode(method, views, batch_size)
            distances.append(l2(vectors[1:], vectors[:1]))
            advance(len(edits))
    table = np.stack(distances) if distances else np.empty((0, len(edits)), dtype=np.float32)
    if not len(table):
        return []
    return [
        Cell(
            family=edit.family,
            severity=edit.severity,
            recall=float(np.mean(column <= np.float32(threshold))),
            median_distance=float(np.median(column)),
            beyond_training=None if trained_to is None else _is_beyond(edit, trained_to),
        )
        for edit, column in zip(edits, table.T, strict=True)
    ]


def _is_beyond(edit: Edit, trained_to: Mapping[str, float]) -> bool:
    steps = LADDER[edit.family]
    limit = trained_to.get(edit.family)
    if limit is None:
        return edit.severity != 1.0 or edit.family not in ("zoom", "aspect")
    harsher = edit.severity < limit if steps[0] > steps[-1] else edit.severity > limit
    return bool(harsher)


def _encode(method: Method, images: list[Pixels], size: int) -> NDArray[np.float32]:
    parts = [method.encode(images[i : i + size]) for i in range(0, len(images), size)]
    return np.concatenate(parts)


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

    Keys of the result are families of :data:`neardup.evaluation.edits.named.FAMILIES`.
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
