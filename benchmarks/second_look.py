"""What the second look costs: per picture, per pair, and in a scan of many pictures: Markdown.

    python benchmarks/second_look.py PHOTOS [--images 300]

One process on one thread, as each of a scan's workers is. Pairs are neighbours of each other, as a
scan looks at them, and photos beside a crop of them. How many pairs a larger collection has follows
from how often the photos lie within reach of one another: each picture's own share, times the
pictures, but never more than the neighbours that are looked at.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from neardup.config import exit_on_error
from neardup.detector import Detector
from neardup.distance import l2_matrix
from neardup.embedder import available_cores
from neardup.evaluation.protocols.pairs import folder_pictures
from neardup.images.reading import read_image
from neardup.progress import progress
from neardup.scan.second_look import REACH, neighbour_count
from neardup.search.nearest import neighbours
from neardup.verify.features import SIDE, extract
from neardup.verify.match import verify

SIZES = (3_000, 100_000, 1_000_000)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("--images", type=int, default=300)
    options = parser.parse_args()
    with exit_on_error():
        run(options.photos, options.images)


def run(folder: Path, count: int) -> None:
    names = folder_pictures(folder, max_images=100_000, side=SIDE, seed=0).names
    paths = [folder / name for name in names]
    detector = Detector.load(threads=1)
    vectors = []
    with progress("Embedding", len(paths), show=True) as advance:
        for path in paths:
            vectors.append(detector.embed([path])[0])
            advance(1)
    chosen = np.random.default_rng(0).permutation(len(paths))[:count].tolist()
    images = [read_image(paths[place], min_side=SIDE) for place in chosen]
    features = [extract(image) for image in images]
    crops = [
        extract(image[: image.shape[0] * 2 // 3, : image.shape[1] * 2 // 3]) for image in images
    ]
    near = neighbours(np.array(vectors)[chosen], 3, 2.0)
    costs = {
        "read a picture": per_item(
            lambda i: read_image(paths[chosen[i]], min_side=SIDE), len(images)
        ),
        "find its features": per_item(lambda i: extract(images[i]), len(images)),
        "look at an unrelated pair": per_item(
            lambda i: verify(features[near.left[i]], features[near.right[i]]), len(near.left)
        ),
        "look at a copy": per_item(lambda i: verify(features[i], crops[i]), len(images)),
    }
    print("| | ms on one thread |\n|---|---|")
    for what, seconds in costs.items():
        print(f"| {what} | {1000 * seconds:.1f} |")
    picture = costs["read a picture"] + costs["find its features"]
    pair = costs["look at an unrelated pair"]
    all_pairs = l2_matrix(np.array(vectors), np.array(vectors))
    share = ((all_pairs <= REACH).sum(axis=1) - 1) / (len(paths) - 1)
    print("\n| pictures | neighbours | pairs a picture | features, h | pairs, h |")
    print("|---|---|---|---|---|")
    for size in SIZES:
        most = neighbour_count(size)
        pairs = float(np.minimum(share * size, most).mean())
        hours = (size * work / available_cores() / 3600 for work in (picture, pairs * pair))
        print(
            f"| {size:,} | {most} | {pairs:.1f} | " + " | ".join(f"{h:.2f}" for h in hours) + " |"
        )
    print(
        f"\nhours on {available_cores()} cores; a pair that is found from both sides counts twice"
    )


def per_item(work: Callable[[int], object], count: int) -> float:
    """Seconds of the processor, so that other work beside it does not count."""
    started = time.process_time()
    for place in range(count):
        work(place)
    return (time.process_time() - started) / count


if __name__ == "__main__":
    main()
