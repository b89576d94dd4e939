"""Print encoders and perceptual hashes beside one another: Markdown, one row for each.

    python scripts/compare_encoders.py PHOTOS BUNDLE [BUNDLE ...] [--onnx FILE:SIZE[:LAYOUT] ...]
        [--hashes phash dhash pdq] [--queries 300] [--images 2000] [--edits]
        [--divisions 1]

Of --queries photos every edit is made; all --images photos are references. Recall is measured as
``eval.py`` does: a threshold is chosen for the wanted precision on one half of the photos and
applied to the other, whose precision is shown: one threshold for the mission's and the strong
edits, another for the hard ones. "at its own" is the test half at the default threshold of the
bundle. Encoders of other projects are ONNX files: the side of the square they see and, if it is not
nhwc-uint8, their layout (a key of LAYOUTS); what they give is scaled to
unit length. "images/s" is from decoded photos of at most 256 pixels to vectors; all methods take
turns in each round, and the median counts. --edits adds a table of the recall of every edit. A
threshold for precision 0.999 hangs on a few pairs: with --divisions each figure is the mean over as
many ways of dividing the photos into halves.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from neardup.bundle import Bundle
from neardup.config import exit_on_error
from neardup.embedder import available_cores
from neardup.errors import ConfigError
from neardup.evaluation.config import HASHES
from neardup.evaluation.edits.named import HARD, MISSION, STRONG, Edit
from neardup.evaluation.edits.pixels import Pixels
from neardup.evaluation.measures.metrics import at_threshold, best_recall
from neardup.evaluation.measures.results import MethodScores, family_rows, score_method
from neardup.evaluation.methods import Method, encoder, perceptual_hash
from neardup.evaluation.protocols.dataset import Encoded, Files, encode
from neardup.evaluation.protocols.pairs import folder_pictures, pairs_dataset
from neardup.evaluation.protocols.task import Task, split_sources
from neardup.images.network_input import to_batch

SIDE, BATCH, SEED = 256, 32, 0
TIMED_IMAGES, TIMED_ROUNDS = 64, 5
COPIES = MISSION + STRONG
COLUMNS = (
    "method", "pixels", "MB", "images/s", "mission", "zoom 1.5x", "strong", "zoom 2.5x",
    "precision", "hard", "precision", "at its own: mission", "zoom 1.5x", "precision",
)  # fmt: skip


MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
LAYOUTS: dict[str, Callable[[NDArray[np.uint8]], NDArray[Any]]] = {
    "nhwc-uint8": lambda batch: batch,
    "nchw-uint8": lambda batch: np.ascontiguousarray(batch.transpose(0, 3, 1, 2)),
    "nchw-float": lambda batch: batch.transpose(0, 3, 1, 2).astype(np.float32) / 255,
    "nchw-imagenet": lambda batch: (
        ((batch / 255 - MEAN) / STD).transpose(0, 3, 1, 2).astype(np.float32)
    ),
}
"""What a network of another project is given for (B, S, S, 3) uint8 RGB: bytes, values from 0 to 1,
or those less ImageNet's mean over its deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A method and what is known of it; pixels and MB are empty for a hash."""

    method: Method
    pixels: str = ""
    megabytes: str = ""
    own_threshold: float | None = None


@dataclass(slots=True, kw_only=True)
class Found:
    """Recall of each edit on the test half, and precision over all; means of the divisions."""

    recall: dict[str, float] = field(default_factory=dict)
    precision: float = 1.0

    def mean(self, edits: Sequence[Edit]) -> float:
        """Mean recall; edits that no test photo has are left out."""
        return float(np.mean([self.recall[e.name] for e in edits if e.name in self.recall]))


def contestants(options: argparse.Namespace) -> list[Contestant]:
    """The bundles, then the ONNX files, then the hashes."""
    found = []
    for name in options.bundles:
        bundle = Bundle.load(name)
        size = bundle.encoder_path.stat().st_size / 1e6
        point = bundle.operating_points.get(bundle.default_at)
        found.append(
            Contestant(
                method=encoder(name, bundle, threads=options.threads),
                pixels=str(bundle.image_size),
                megabytes=f"{size:.1f}",
                own_threshold=point.threshold if point else None,
            )
        )
    for text in options.onnx:
        path, size, layout = onnx_file(text)
        method = foreign_encoder(path.stem, path, size, layout=layout, threads=options.threads)
        megabytes = f"{path.stat().st_size / 1e6:.1f}"
        found.append(Contestant(method=method, pixels=str(size), megabytes=megabytes))
    return [*found, *(Contestant(method=perceptual_hash(name)) for name in options.hashes)]


def foreign_encoder(
    name: str, path: Path, size: int, *, layout: str, threads: int | None = None
) -> Method:
    """An ONNX network of another project, its first output scaled to unit length, by L2 distance.

    Args:
        name: in tables.
        path: the network; one input, a batch of any length.
        size: side of the square it sees, pixels; pictures are squashed to it as for our own.
        layout: a key of :data:`LAYOUTS`.
        threads: cores; None: all.

    Raises:
        ConfigError: the file is no such network.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.log_severity_level = 3  # errors only
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        (given,) = session.get_inputs()
    except Exception as error:  # onnxruntime has no public base class for its exceptions
        raise ConfigError(
            f"{path}: not a network with one input that can be run: {error}"
        ) from error

    def encode(images: Sequence[Pixels]) -> NDArray[np.float32]:
        batch = LAYOUTS[layout](to_batch(images, size))
        vectors = np.asarray(session.run(None, {given.name: batch})[0], dtype=np.float32)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)

    return Method(name=name, encode=encode)


def onnx_file(text: str) -> tuple[Path, int, str]:
    """``FILE:SIZE[:LAYOUT]`` in its parts.

    Raises:
        ConfigError: it is not of that form, or there is no such file.
    """
    path, *rest = text.split(":")
    layout = rest[1] if len(rest) == 2 else "nhwc-uint8"
    if not 1 <= len(rest) <= 2 or not rest[0].isdigit() or layout not in LAYOUTS:
        raise ConfigError(f"--onnx {text}: not FILE:SIZE[:LAYOUT] with {', '.join(LAYOUTS)}")
    if not Path(path).is_file():
        raise ConfigError(f"--onnx {text}: {path} is not a file")
    return Path(path), int(rest[0]), layout


def split_pictures(pictures: Files, queries: int) -> tuple[Files, Files]:
    """Those that edits are made of, evenly spread over all, and the rest."""
    count = len(pictures.names)
    chosen = set(np.linspace(0, count - 1, min(queries, count)).round().astype(int).tolist())
    parts = ([], [])
    for place, name in enumerate(pictures.names):
        parts[place not in chosen].append(name)
    return Files(pictures.root, parts[0], SIDE), Files(pictures.root, parts[1], SIDE)


def with_references(task: Task, names: Sequence[str]) -> Task:
    """The task with further pictures among its references, copies of nothing."""
    first = len(task.reference_names)
    return replace(
        task,
        reference_names=(*task.reference_names, *names),
        reference_source=np.arange(first + len(names), dtype=np.int64),
        reference_class=np.append(task.reference_class, np.full(len(names), -1)),
    )


def score(
    encoded: Encoded,
    others: NDArray[np.float32],
    method: Method,
    edits: Sequence[Edit],
    *,
    divisions: int = 1,
) -> list[MethodScores]:
    """The distances of ``edits`` to all photos, once for each way of dividing the photos."""
    dataset = encoded.dataset
    places = [dataset.edits.index(edit) for edit in edits]
    part = pairs_dataset(dataset.pictures, tuple(edits), where="", seed=SEED).make_task(
        encoded.kept
    )
    task = with_references(part, [f"reference {n}" for n in range(len(others))])
    vectors = encoded.vectors[method.name]
    queries = vectors[:, [1 + place for place in places]].reshape(len(part.query_names), -1)
    references = np.concatenate([vectors[:, 0], others])
    return [
        score_method(method, task, queries, references, split_sources(task, seed=SEED + division))
        for division in range(divisions)
    ]


def find(
    divided: Sequence[MethodScores],
    *,
    precision: float | None = None,
    threshold: float | None = None,
) -> Found:
    """Recall of each edit at a threshold, or at the one chosen for ``precision``."""
    recalls: dict[str, list[float]] = {}
    precisions = []
    for scores in divided:
        at = threshold
        if precision is not None:
            at = best_recall(scores.choice.curve, precision).threshold
        for row in family_rows(scores, at):
            recalls.setdefault(row.family, []).append(row.recall)
        precisions.append(at_threshold(scores.test.scores, at).precision)
    return Found(
        recall={family: float(np.mean(each)) for family, each in recalls.items()},
        precision=float(np.mean(precisions)),
    )


def speeds(encoded: Encoded, methods: Sequence[Method]) -> list[float]:
    """Images/s of each method."""
    images = [encoded.dataset.pictures.load(int(index)) for index in encoded.kept[:TIMED_IMAGES]]

    def seconds(method: Method) -> float:
        started = time.perf_counter()
        for start in range(0, len(images), BATCH):
            method.encode(images[start : start + BATCH])
        return time.perf_counter() - started

    rounds = np.array([[seconds(m) for m in methods] for _ in range(TIMED_ROUNDS)])
    return [float(len(images) / each) for each in np.median(rounds, axis=0)]


def row(
    contestant: Contestant, speed: float, copies: Found, hard: Found, own: Found | None
) -> list[str]:
    """The cells of one method."""
    figures = [
        copies.mean(MISSION),
        copies.mean([Edit("zoom", 1.5)]),
        copies.mean(STRONG),
        copies.mean([Edit("zoom", 2.5)]),
        copies.precision,
        hard.mean(HARD),
        hard.precision,
    ]
    if own:
        figures += [own.mean(MISSION), own.mean([Edit("zoom", 1.5)]), own.precision]
    cells = [f"{figure:.4f}" for figure in figures]
    cells += [""] * (len(COLUMNS) - 4 - len(cells))
    return [contestant.method.name, contestant.pixels, contestant.megabytes, f"{speed:.1f}", *cells]


def show(cells: Sequence[str]) -> None:
    """A row of a Markdown table."""
    print(f"| {' | '.join(cells)} |", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all of them on the same photos and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder without copies")
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE", help="as --bundle takes them")
    parser.add_argument("--onnx", nargs="*", default=[], metavar="FILE:SIZE[:LAYOUT]")
    parser.add_argument("--hashes", nargs="*", choices=HASHES, default=list(HASHES))
    parser.add_argument("--precision", type=float, default=0.999, help="that is wanted")
    parser.add_argument("--queries", type=int, default=300, help="photos that are edited, at most")
    parser.add_argument("--images", type=int, default=2000, help="photos, at most")
    parser.add_argument("--edits", action="store_true", help="a table of every edit as well")
    parser.add_argument(
        "--divisions", type=int, default=1, help="ways of dividing the photos that are averaged"
    )
    parser.add_argument("--threads", type=int, help="cores for the encoders; default: all")
    options = parser.parse_args(arguments)
    if options.divisions < 1:
        raise ConfigError(f"--divisions {options.divisions}: must be 1 or more")
    chosen = contestants(options)
    methods = [each.method for each in chosen]
    pictures = folder_pictures(options.photos, max_images=options.images, side=SIDE, seed=SEED)
    edited, rest = split_pictures(pictures, options.queries)
    dataset = pairs_dataset(edited, COPIES + HARD, where=options.photos.name, seed=SEED)
    encoded = encode(dataset, methods, batch_size=BATCH, bar="encoding")
    if not len(encoded.kept):
        raise ConfigError(f"{options.photos}: holds no picture that can be read")
    other = encode(pairs_dataset(rest, (), where="", seed=SEED), methods, batch_size=BATCH)
    show(COLUMNS)
    show(["---"] * len(COLUMNS))
    recalls = []
    for each, speed in zip(chosen, speeds(encoded, methods), strict=True):
        name = each.method.name
        others = other.vectors.get(name, encoded.vectors[name][:0])[:, 0]
        scored, scored_hard = (
            score(encoded, others, each.method, edits, divisions=options.divisions)
            for edits in (COPIES, HARD)
        )
        copies = find(scored, precision=options.precision)
        hard = find(scored_hard, precision=options.precision)
        at = each.own_threshold
        own = find(scored, threshold=at) if at is not None else None
        show(row(each, speed, copies, hard, own))
        recalls.append(copies.recall | hard.recall)
    if options.edits:
        print()
        show(["recall", *(each.method.name for each in chosen)])
        show(["---"] * (len(chosen) + 1))
        for edit in COPIES + HARD:
            show([edit.name, *(f"{found.get(edit.name, np.nan):.3f}" for found in recalls)])


if __name__ == "__main__":
    with exit_on_error():
        main()
