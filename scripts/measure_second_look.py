"""Print what the second look adds to an encoder, and fit probabilities: Markdown.

    python scripts/measure_second_look.py PHOTOS BUNDLE [--queries 100] [--images 2000] [--write]

Of --queries photos every edit is made; all --images photos are references. As ``neardup scan
--verify`` does, a copy is found within the strict threshold of the bundle (precision 0.999), or
where the second look verifies one of its nearest neighbours within reach; "alone" is the strict
threshold without it, "default" the bundle's own. False pairs are counted over all copies. The
probabilities are fitted on one half of the sources and tried on the other; --write fits them on all
and puts them into the bundle. ``python eval.py ... verify=true`` makes a report of the same, of
every edit of every photo.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neardup.bundle import Bundle
from neardup.config import exit_on_error
from neardup.evaluation.calibration import KnownPairs, fit, reliability
from neardup.evaluation.edits.named import HARD, MISSION, STRONG, apply_edit
from neardup.evaluation.methods import encoder
from neardup.evaluation.protocols.pairs import folder_pictures, pairs_dataset
from neardup.evaluation.protocols.task import Task
from neardup.evaluation.second_look import EncodedTask, SecondLook
from neardup.progress import progress
from neardup.scan.second_look import strict_threshold
from neardup.verify.features import extract
from neardup.verify.match import verify

SETS = {"mission": MISSION, "others": STRONG, "hard": HARD}
SIDE, BATCH, SEED = 256, 32, 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with exit_on_error():
        run(options)


def run(options: argparse.Namespace) -> None:
    bundle = Bundle.load(options.bundle)
    strict, default = strict_threshold(bundle, None), bundle.threshold()
    looking = SecondLook(encoder("neardup", bundle), strict)
    encoded = encode(options, looking)
    known = looking.known(encoded)
    task = encoded.task
    print(f"{len(np.unique(task.query_source))} sources of {len(task.reference_names)} photos;")
    print(f"strict {strict:.4f}, default {default:.4f}; {len(known.distance)} pairs looked at\n")
    distance = np.linalg.norm(
        encoded.queries[:, :-1] - encoded.references[task.query_source, :-1], axis=1
    )
    table(task, known, distance, strict, default)
    on = f"{len(task.query_source)} synthetic copies among {len(task.reference_names)} photos"
    believe(known, on)
    files = folder_pictures(options.photos, max_images=options.queries, side=SIDE, seed=SEED)
    corners([files.load(index) for index in range(len(files.names))])
    if options.write:
        replace(bundle, calibration=fit(known, on)).save()
        print(f"\nwritten into {bundle.directory}")


def encode(options: argparse.Namespace, looking: SecondLook) -> EncodedTask:
    """All photos as references, and every edit of some of them as queries."""
    files = folder_pictures(options.photos, max_images=options.images, side=SIDE, seed=SEED)
    photos = [files.load(index) for index in range(len(files.names))]
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(photos))[: options.queries])
    edits = tuple(edit for own in SETS.values() for edit in own)
    method = looking.method
    references = method.encode_in_batches(photos, BATCH)
    queries = []
    with progress("Copies", len(chosen), show=True) as advance:
        for source in chosen.tolist():
            ground = photos[(source + 1) % len(photos)]  # what a copy is laid on, where it is
            copies = [
                apply_edit(
                    photos[source], edit, np.random.default_rng([SEED, source, place]), ground
                )
                for place, edit in enumerate(edits)
            ]
            queries.append(method.encode_in_batches(copies, BATCH))
            advance(1)
    whole = pairs_dataset(files, edits, where=str(options.photos), seed=SEED)
    task = whole.make_task(np.arange(len(photos), dtype=np.int64))
    task = task.of_queries(np.flatnonzero(np.isin(task.query_source, chosen)))
    return EncodedTask(task, np.concatenate(queries), references)


def table(
    task: Task, known: KnownPairs, distance: NDArray[np.float32], strict: float, default: float
) -> None:
    """What is found of each edit, and the wrong pairs by name."""
    verified = (known.evidence[:, 0] > 0) & (known.evidence[:, 1] == 0)
    looked_at = np.isin(np.arange(len(distance)), known.query[known.positive])
    proven = np.isin(np.arange(len(distance)), known.query[known.positive & verified])
    near = distance <= strict
    print("| edit | default | alone | with the second look | candidates |\n|---|---|---|---|---|")

    def row(name: str, chosen: NDArray[np.bool_]) -> None:
        columns = (distance <= default, near, near | proven, looked_at)
        print(f"| {name} | " + " | ".join(f"{c[chosen].mean():.3f}" for c in columns) + " |")

    for name, edits in SETS.items():
        places = [task.families.index(edit.name) for edit in edits]
        for place in places:
            row(task.families[place], task.query_family == place)
        row(f"**{name}**", np.isin(task.query_family, places))
    wrong = ~known.positive
    false, shown = wrong & (known.distance <= strict), wrong & verified
    print(f"\nfalse pairs among {wrong.sum()} wrong candidates: {false.sum()} within the strict")
    print(f"threshold, {shown.sum()} verified, of these photos:\n")
    names = task.reference_names
    pairs = {
        tuple(sorted((names[source], names[reference])))
        for source, reference in zip(
            known.group[false | shown], known.reference[false | shown], strict=True
        )
    }
    for first, second in sorted(pairs):
        print(f"- {first} and {second}")


def corners(photos: Sequence[NDArray[np.uint8]], zoom: float = 1.5) -> None:
    """How far the corners of a part, enlarged to the size of the whole, are from the truth."""
    errors = []
    for source, photo in enumerate(photos):
        height, width = photo.shape[:2]
        size = np.array([width, height]) // zoom
        x, y = np.random.default_rng([SEED, source]).integers([width, height] - size + 1)
        part = Image.fromarray(photo).crop((x, y, *(np.array([x, y]) + size)))
        part = np.asarray(part.resize((width, height), Image.Resampling.BICUBIC))
        match = verify(extract(part), extract(photo))
        if match is not None and match.transform is not None:
            frame = np.array([(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)])
            off = match.transform.apply(frame) - ([x, y] + frame / [width, height] * size)
            errors.append(np.linalg.norm(off, axis=1).max() * 384 / max(width, height))
    print(
        f"\ncorners of {len(errors)} verified parts (zoom {zoom}, of {len(photos)}), in pixels of a"
    )
    print(f"picture of 384: median {np.median(errors):.2f}, nine tenths within", end=" ")
    print(f"{np.quantile(errors, 0.9):.2f}")


def believe(known: KnownPairs, on: str) -> None:
    """Fit on one half of the sources, and compare promise and truth on the other."""
    mixed = np.random.default_rng(SEED).permutation(np.unique(known.group))
    half = len(mixed) // 2
    calibration = fit(known.of_groups(mixed[:half]), on)
    test = known.of_groups(mixed[half:])
    after = calibration.after_second_look(test.distance, test.evidence)
    found = reliability(after, test.positive, known.references)
    print("\nfitted on one half, tried on the other: expected calibration error")
    print(f"{found.expected_calibration_error:.4f}, Brier score {found.brier:.4f}, of ", end="")
    print(f"{len(test.positive)} pairs\n")
    print("| promised | true | pairs |\n|---|---|---|")
    for promised, true, pairs in zip(found.promised, found.true, found.pairs, strict=True):
        print(f"| {promised:.3f} | {true:.3f} | {pairs} |")


if __name__ == "__main__":
    main()
