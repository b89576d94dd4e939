"""A bundle: the folder that holds a trained encoder and everything needed to use it.

``encoder.onnx`` (what inference runs), ``bundle.json`` (this file's :class:`Bundle`, with the
sha256 of the others) and, unless it is for inference only, ``encoder.safetensors`` (the weights,
to train on from).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from neardup.errors import BundleError, ImageError, in_words
from neardup.files import content_hash, write_text
from neardup.probability import Calibration

FORMAT = 1
DESCRIPTION_FILE = "bundle.json"
ENCODER_FILE = "encoder.onnx"
WEIGHTS_FILE = "encoder.safetensors"
_ENCODERS = (ENCODER_FILE, WEIGHTS_FILE)

DEFAULT_BUNDLE = Path(__file__).parent / "default_bundle"
"""The bundle that comes with the package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """A threshold and what it bought where it was measured.

    Attributes:
        threshold: L2 distance in [0, 2]; a pair at or below it is called duplicate. None when no
            threshold reaches what the point's name promises.
        precision: share of the pairs called duplicate that are, in [0, 1].
        recall: share of the duplicate pairs that are called so, in [0, 1].
        measured_on: the data, in words.
    """

    threshold: float | None
    precision: float
    recall: float
    measured_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What ``bundle.json`` says.

    Attributes:
        directory: the folder.
        backbone: the network's name.
        embedding_size: D, the length of an embedding.
        image_size: S, the side in pixels of the square that the encoder sees.
        preprocessing: how a picture becomes the encoder's input, in words.
        operating_points: by the name a user types after ``--at``, such as ``precision=0.99``.
        default_at: the operating point used when the user names none.
        provenance: where the weights come from, data, steps, versions, warnings.
        calibration: from distances to probabilities; None: it was not fitted.
        files: file name to sha256.
    """

    directory: Path
    backbone: str
    embedding_size: int
    image_size: int
    preprocessing: Mapping[str, Any]
    operating_points: Mapping[str, OperatingPoint]
    default_at: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    calibration: Calibration | None = None

    @property
    def encoder_path(self) -> Path:
        return self.directory / ENCODER_FILE

    @property
    def encoder_id(self) -> str:
        """sha256 of the encoder: embeddings of two bundles compare only if this is the same."""
        return self.files[ENCODER_FILE]

    @classmethod
    def load(cls, directory: str | Path | None = None, *, verify: bool = True) -> Self:
        """Read a bundle.

        Args:
            directory: the folder that holds ``bundle.json``; None: :data:`DEFAULT_BUNDLE`.
            verify: also check the sha256 of every file it lists.

        Raises:
            BundleError: missing, damaged, of another format version, or a hash does not match.
        """
        directory = DEFAULT_BUNDLE if directory is None else Path(directory)
        description = _read_description(directory)
        try:
            bundle = cls(
                directory=directory,
                backbone=str(description["backbone"]),
                embedding_size=int(description["embedding_size"]),
                image_size=int(description["image_size"]),
                preprocessing=dict(description["preprocessing"]),
                operating_points={
                    name: _operating_point(point)
                    for name, point in description["operating_points"].items()
                },
                default_at=str(description["default_at"]),
                provenance=dict(description["provenance"]),
                files=dict(description["files"]),
                calibration=(
                    Calibration.from_dict(description["calibration"])
                    if description.get("calibration")
                    else None
                ),
            )
            found = [name for name in _ENCODERS if (directory / name).exists()]
            for name in {ENCODER_FILE, *found} - bundle.files.keys():
                raise BundleError(
                    f"{directory / DESCRIPTION_FILE} has no sha256 of {name}, which can thus not be"
                    " checked; export the bundle again"
                )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            path = directory / DESCRIPTION_FILE
            raise BundleError(
                f"{path} is damaged ({in_words(error)}); export the bundle again"
            ) from error
        if verify:
            bundle._verify()
        return bundle

    def save(self) -> None:
        """Write ``bundle.json`` atomically, with the hashes of the encoder files found beside it.

        Raises:
            BundleError: ``encoder.onnx`` is not in the folder.
        """
        names = [name for name in _ENCODERS if (self.directory / name).exists()]
        if ENCODER_FILE not in names:
            raise BundleError(f"{self.directory} holds no {ENCODER_FILE}; export it first")
        description: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        del description["directory"]
        description["files"] = {name: content_hash(self.directory / name) for name in names}
        text = json.dumps(description, indent=2, allow_nan=False) + "\n"
        write_text(self.directory / DESCRIPTION_FILE, text)

    def threshold(self, at: str | float | None = None) -> float:
        """The L2 threshold in [0, 2] for an operating point.

        Args:
            at: the name of an operating point, or a number (or its text), which is itself the
                threshold. None: the bundle's default.

        Raises:
            BundleError: no such name, a number outside [0, 2], or a point no threshold reaches.
        """
        at = self.default_at if at is None else at
        try:
            number = float(at)
        except ValueError:
            return self._named_threshold(str(at))
        if not 0 <= number <= 2:
            raise BundleError(f"a threshold is a distance in [0, 2], not {at}")
        return number

    def _named_threshold(self, name: str) -> float:
        if name not in self.operating_points:
            known = ", ".join(self.operating_points) or "none"
            raise BundleError(
                f"{self.directory} has no operating point {name!r}; it has {known}; "
                "a number in [0, 2] also works"
            )
        threshold = self.operating_points[name].threshold
        if threshold is None:
            raise BundleError(f"{self.directory}: no threshold reaches {name!r}; choose another")
        return threshold

    def _verify(self) -> None:
        for name, expected in self.files.items():
            try:
                actual = content_hash(self.directory / name)
            except ImageError as error:
                raise BundleError(
                    f"{self.directory / name} cannot be read: {error.reason}"
                ) from error
            if actual != expected:
                raise BundleError(
                    f"{self.directory / name} is not the file that {DESCRIPTION_FILE} describes "
                    "(its sha256 differs); export or copy the bundle again"
                )


def _operating_point(written: dict[str, Any]) -> OperatingPoint:
    point = OperatingPoint(**written)
    if point.threshold is not None and not 0 <= point.threshold <= 2 + 1e-6:  # float32's rounding
        raise ValueError(f"a threshold of {point.threshold}, which is not in [0, 2]")
    return point


def _read_description(directory: Path) -> dict[str, Any]:
    path = directory / DESCRIPTION_FILE
    try:
        description = json.loads(path.read_text())
    except FileNotFoundError:
        missing = f"{directory} holds no bundle ({DESCRIPTION_FILE} is missing)"
        if directory == DEFAULT_BUNDLE:
            missing = f"this copy of neardup came without its default bundle ({directory})"
        raise BundleError(
            f"{missing}; train one with `python train.py` or name another, as in"
            " `--bundle outputs/latest/bundle`"
        ) from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        found = description.get("format") if isinstance(description, dict) else None
        raise BundleError(f"{path} has format {found!r}; this version of neardup reads {FORMAT}")
    return description
