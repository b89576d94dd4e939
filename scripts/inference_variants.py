"""Print what other ways of using one trained encoder would give: one Markdown row for each.

    python scripts/inference_variants.py RUN [--photos DIR] [--groups sizes powers] [--strong]

Other input sizes, other GeM powers, averages over a mirror image and a second size, PCA with and
without whitening. Each is evaluated as ``train.py`` does it: thresholds from the run's validation
split, figures from its test split. "time" is that of embedding decoded pictures relative to the
first row; all rows take turns.
"""

import argparse
import copy
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA

from neardup.errors import ConfigError
from neardup.evaluation.edits.named import MISSION, STRONG
from neardup.training.checkpoints import best_checkpoint, load_checkpoint
from neardup.training.config import FolderConfig
from neardup.training.data.sources import load_sources
from neardup.training.encoder import Encoder, TorchEmbedder
from neardup.training.evaluation import Evaluation, Images, evaluate

SCALES = (1.0, 1.25, 1.5, 2.0)
SECOND_SCALE = 1.5
POWERS = (1.0, 2.0, 4.0, 5.0, 7.0)  # 3 is what encoders are trained with
EXPONENTS = {0.0: "PCA", 0.25: "whitened ^0.25", 0.5: "whitened ^0.5", 1.0: "whitened"}
LENGTHS = (256, 128, 64)
AT = "precision=0.999"
EDITS = ("zoom 1.5x", "all three at zoom 1.5x")
COLUMNS = ("variant", "AP", f"recall at {AT}", "its precision", *(f"AP {e}" for e in EDITS), "time")
TIMED_IMAGES, TIMED_ROUNDS = 16, 5
AT_ONCE = 128


class Pass:
    """One pass of an encoder; a picture that it has seen is not computed again."""

    def __init__(self, encoder: Encoder, size: int, *, mirror: bool = False) -> None:
        self.embed = TorchEmbedder(encoder, size)
        self.mirror = mirror
        self.known: dict[bytes, np.ndarray] = {}

    def compute(self, images: Images) -> np.ndarray:
        """(N, D) float32 of unit norm."""
        return self.embed([image[:, ::-1] for image in images] if self.mirror else images)

    def recall(self, images: Images) -> np.ndarray:
        """The same; ``images`` holds no picture twice."""
        keys = [hashlib.sha256(repr(i.shape).encode() + i.tobytes()).digest() for i in images]
        new = [place for place, key in enumerate(keys) if key not in self.known]
        if new:
            vectors = self.compute([images[place] for place in new])
            self.known |= {keys[place]: vector for place, vector in zip(new, vectors, strict=True)}
        return np.stack([self.known[key] for key in keys])


@dataclass(frozen=True)
class Variant:
    """The mean of some passes, projected, of unit norm."""

    name: str
    passes: Sequence[Pass]
    project: Callable[[np.ndarray], np.ndarray] = np.asarray

    def __call__(self, images: Images) -> np.ndarray:
        return self._finish([one.recall(images) for one in self.passes])

    def seconds(self, images: Images) -> float:
        """How long ``images`` take, nothing remembered."""
        started = time.perf_counter()
        self._finish([one.compute(images) for one in self.passes])
        return time.perf_counter() - started

    def _finish(self, parts: list[np.ndarray]) -> np.ndarray:
        vectors = self.project(np.mean(parts, axis=0))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


one_pass = cache(Pass)  # so that variants share what they have in common


def sizes(plain: Pass, trained: int, train: Images) -> Iterator[Variant]:
    for scale in SCALES:
        size = round(scale * trained)
        yield Variant(f"{size} px, {scale:g}x training", [one_pass(plain.embed.encoder, size)])


def powers(plain: Pass, trained: int, train: Images) -> Iterator[Variant]:
    for power in POWERS:
        encoder = copy.deepcopy(plain.embed.encoder)
        encoder.pool.power = power
        yield Variant(f"GeM {power:g}", [Pass(encoder, plain.embed.image_size)])


def averages(plain: Pass, trained: int, train: Images) -> Iterator[Variant]:
    encoder, size = plain.embed.encoder, plain.embed.image_size
    larger = round(SECOND_SCALE * size)
    second = one_pass(encoder, larger)
    mirrors = [Pass(encoder, side, mirror=True) for side in (size, larger)]
    yield Variant("with mirror", [plain, mirrors[0]])
    yield Variant(f"with {larger} px", [plain, second])
    yield Variant(f"with mirror and {larger} px", [plain, second, *mirrors])


def projections(plain: Pass, trained: int, train: Images) -> Iterator[Variant]:
    """(x - mean) V / s^exponent, fitted on training images; s is the deviation along each axis."""
    starts = range(0, len(train), AT_ONCE)
    lots = ([train[i] for i in range(s, min(s + AT_ONCE, len(train)))] for s in starts)
    pca = PCA(svd_solver="full").fit(np.concatenate([plain.compute(lot) for lot in lots]))
    full = min(pca.n_components_, len(train) - 1)  # the last axis of so few points is rounding
    for length in (full, *(length for length in LENGTHS if length < full)):
        for exponent, name in EXPONENTS.items():
            deviation = np.sqrt(pca.explained_variance_[:length, None])
            axes = pca.components_[:length] / deviation**exponent
            yield Variant(
                f"{name}, {length} numbers", [plain], lambda x, axes=axes: (x - pca.mean_) @ axes.T
            )


GROUPS = {function.__name__: function for function in (sizes, powers, averages, projections)}


def row(name: str, evaluation: Evaluation, relative_time: float) -> str:
    """One variant as a row of the table."""
    point = evaluation.points[AT]
    families = {family.family: family.average_precision for family in evaluation.rows}
    figures = [evaluation.test.average_precision, point.recall, point.precision]
    cells = [f"{figure:.3f}" for figure in (*figures, *(families[edit] for edit in EDITS))]
    return f"| {name} | {' | '.join(cells)} | {relative_time:.2f}x |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder of train.py")
    parser.add_argument("--photos", metavar="DIR", help="where the run's images are by now")
    parser.add_argument(
        "--size", type=int, help="pixels, in all groups but sizes (default: its own)"
    )
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--strong", action="store_true", help="evaluate the strong edits as well")
    options = parser.parse_args(arguments)
    encoder, config, _ = load_checkpoint(best_checkpoint(options.run))
    if options.photos:
        if not isinstance(config.data, FolderConfig):
            raise ConfigError(f"--photos: the images of {options.run} are drawn, not read")
        config.data.root = options.photos
    torch.backends.cudnn.allow_tf32 = False  # as in training
    encoder.to("cuda" if torch.cuda.is_available() else "cpu")
    sources = load_sources(config.data, max_zoom=config.augment.max_zoom)
    plain = one_pass(encoder, options.size or config.data.size_at_inference)
    variants = [Variant(f"one pass at {plain.embed.image_size} px", [plain])]
    for group in options.groups:
        variants += GROUPS[group](plain, config.data.image_size, sources.train)
    timed = [sources.test[i] for i in range(min(TIMED_IMAGES, len(sources.test)))]
    rounds = np.array([[v.seconds(timed) for v in variants] for _ in range(TIMED_ROUNDS)])
    relative_times = np.median(rounds / rounds[:, :1], axis=0)
    edits = MISSION + STRONG if options.strong else MISSION
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for variant, relative_time in zip(variants, relative_times, strict=True):
        evaluation = evaluate(sources.val, sources.test, variant, data=sources.name, edits=edits)
        print(row(variant.name, evaluation, relative_time), flush=True)


if __name__ == "__main__":
    main()
