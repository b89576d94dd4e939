"""Print what a few decisions are worth: thresholds learned from some pairs, tried on the others.

    python scripts/measure_decisions.py FOLDER [--decide 50] [--draws 20] [--at precision=0.9]

FOLDER holds pictures and a groups.csv (path,group) that says which are copies; groups that share a
file are one, and identical files are no pair. A scan at --at lists pairs; --decide of them, drawn
at random, are decided as groups.csv has it, ``neardup calibrate`` learns from them, and its
threshold is tried on the pairs that were not decided.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from neardup.config import exit_on_error
from neardup.detector import Detector
from neardup.errors import NeardupError
from neardup.files import content_hash
from neardup.scan.decisions import DecidedPair, Decisions
from neardup.scan.learned import learn
from neardup.search.exact import pairs_within


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--decide", type=int, default=50)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--at", default="precision=0.9")
    parser.add_argument("--target-precision", type=float, default=0.99)
    options = parser.parse_args()
    with exit_on_error():
        run(options)


def run(options: argparse.Namespace) -> None:
    detector = Detector.load(options.bundle)
    with open(options.folder / "groups.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    hashes = [content_hash(options.folder / row["path"]) for row in rows]
    vectors = detector.embed([options.folder / row["path"] for row in rows])
    pairs = pairs_within(vectors, detector.bundle.threshold(options.at))
    groups = merged([row["group"] for row in rows], hashes)
    pairs = pairs.chosen(np.array(hashes)[pairs.left] != np.array(hashes)[pairs.right])
    same = groups[pairs.left] == groups[pairs.right]
    print(f"{len(rows)} pictures, {len(same)} pairs at {options.at}, {same.mean():.1%} are copies")
    wanted = options.target_precision
    default = detector.bundle.default_at
    before = pairs.distance <= detector.bundle.threshold()
    print(f"as it comes, {default} has {same[before].mean():.4f} here; wanted: {wanted:g}")
    decided = [
        DecidedPair(str(i), f"{j}'", bool(yes), float(distance))
        for i, j, yes, distance in zip(pairs.left, pairs.right, same, pairs.distance, strict=True)
    ]
    outcomes = []
    for draw in range(options.draws):
        mixed = np.random.default_rng(draw).permutation(len(decided))
        chosen, rest = mixed[: options.decide], mixed[options.decide :]
        decisions = Decisions(tuple(decided[i] for i in chosen), pictures=len(rows))
        try:
            lesson = learn(detector.bundle, [decisions], wanted)
        except NeardupError as error:
            print(f"draw {draw}: refused: {error}")
            continue
        point, (low, high) = (
            found[f"precision={wanted:g}"] for found in (lesson.points, lesson.intervals)
        )
        within = rest[pairs.distance[rest] <= point.threshold]
        precision = float(same[within].mean()) if len(within) else 1.0
        recall = float(same[within].sum() / same[rest].sum())
        outcomes.append((point.threshold, precision, recall, low <= precision <= high))
    print("| | threshold | precision of the rest | its recall | within the interval |")
    print("|---|---|---|---|---|")
    for name, values in zip(("mean", "lowest"), (np.mean, np.min), strict=True):
        print(f"| {name} | " + " | ".join(f"{v:.4f}" for v in values(outcomes, axis=0)) + " |")


def merged(groups: Sequence[str], hashes: Sequence[str]) -> NDArray[np.int64]:
    """Groups as numbers, one for groups that share a file, whatever the list says."""
    labels, numbers = np.unique(groups, return_inverse=True)
    files, places = np.unique(hashes, return_inverse=True)
    links = coo_matrix((np.ones(len(numbers)), (numbers, places)), (len(labels), len(files)))
    return connected_components(links @ links.T)[1][numbers]


if __name__ == "__main__":
    main()
