"""Print encoders and perceptual hashes beside one another: one Markdown row for each.

    python scripts/compare_encoders.py PHOTOS BUNDLE [BUNDLE ...] [--hashes phash dhash pdq]

Recall of the mission's and of the strong edits, as ``eval.py`` measures it: one threshold for both,
chosen for the wanted precision on one half of the photos and applied to the other, whose precision
is shown. "images/s" is from decoded photos of at most 256 pixels to vectors; all methods take turns
in each round, and the median counts.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neardup.bundle import Bundle
from neardup.errors import ConfigError
from neardup.evaluation.config import HASHES
from neardup.evaluation.edits import MISSION, STRONG
from neardup.evaluation.measure import by_family, can_halve, measure, tested
from neardup.evaluation.method import Method, encoder, perceptual_hash
from neardup.evaluation.metrics import recall_at_precision
from neardup.evaluation.plan import Encoded, Plan, encode, vectors_of
from neardup.evaluation.protocol_pairs import folder_pictures, plan_pairs
from neardup.evaluation.task import split_sources
from neardup.hydra_config import exit_on_error

SIDE, BATCH, SEED = 256, 32, 0
TIMED_IMAGES, TIMED_ROUNDS = 64, 5
COLUMNS = ("method", "pixels", "MB", "images/s", "recall mission", "recall strong", "precision")


def recalls(plan: Plan, encoded: Encoded, method: Method, target: float) -> list[float]:
    """Of the mission's edits and of the strong ones, and the precision over both."""
    task = plan.make_task(encoded.kept)
    vectors = vectors_of(plan, encoded, method.name)
    halves = split_sources(task, seed=SEED) if can_halve(task) else None
    measured = measure(method, task, *vectors, halves)
    chosen = recall_at_precision(measured.choice.sweep, target)
    found = [row.recall for row in by_family(measured, *vectors, chosen.threshold)]
    mission, strong = found[: len(MISSION)], found[len(MISSION) :]
    precision = tested(measured, chosen.threshold).precision
    return [float(np.mean(mission)), float(np.mean(strong)), precision]


def speeds(plan: Plan, encoded: Encoded, methods: Sequence[Method]) -> list[float]:
    """Images/s of each method."""
    images = [plan.pictures.load(int(index)) for index in encoded.kept[:TIMED_IMAGES]]

    def seconds(method: Method) -> float:
        started = time.perf_counter()
        for start in range(0, len(images), BATCH):
            method.encode(images[start : start + BATCH])
        return time.perf_counter() - started

    rounds = np.array([[seconds(m) for m in methods] for _ in range(TIMED_ROUNDS)])
    return [float(len(images) / each) for each in np.median(rounds, axis=0)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all of them on the same photos and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder without copies")
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE", help="as --bundle takes them")
    parser.add_argument("--hashes", nargs="*", choices=HASHES, default=list(HASHES))
    parser.add_argument("--precision", type=float, default=0.999, help="that is wanted")
    parser.add_argument("--images", type=int, default=300, help="photos, at most")
    parser.add_argument("--threads", type=int, help="cores for the encoders; default: all")
    options = parser.parse_args(arguments)
    bundles = {name: Bundle.load(name) for name in options.bundles}
    methods = [encoder(name, b, threads=options.threads) for name, b in bundles.items()]
    methods += [perceptual_hash(name) for name in options.hashes]
    pictures = folder_pictures(options.photos, max_images=options.images, side=SIDE, seed=SEED)
    plan = plan_pairs(pictures, MISSION + STRONG, where=options.photos.name, seed=SEED)
    encoded = encode(plan, methods, batch_size=BATCH, show_progress=True)
    if not len(encoded.kept):
        raise ConfigError(f"{options.photos}: holds no picture that can be read")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for method, speed in zip(methods, speeds(plan, encoded, methods), strict=True):
        bundle = bundles.get(method.name)
        cells = [method.name, "", ""]
        if bundle:
            size = bundle.encoder_path.stat().st_size / 1e6
            cells = [method.name, str(bundle.image_size), f"{size:.1f}"]
        figures = recalls(plan, encoded, method, options.precision)
        cells += [f"{speed:.1f}", *(f"{figure:.4f}" for figure in figures)]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    with exit_on_error():
        main()
