"""Print how many copies the second look gets to see, as the collection grows: Markdown.

    python scripts/measure_candidates.py PHOTOS BUNDLE --among DIR [DIR ...] [--queries 100]

Of --queries photos every edit is compared with all photos, alone and among those of the other
folders. A copy is a candidate where it is within reach and fewer unrelated pictures lie nearer than
a scan looks at. For larger collections the unrelated pictures nearer than a copy are counted among
all that there are, and taken to grow with the collection (their number is drawn from a Poisson
distribution, 50 times).
"""

import argparse
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neardup.bundle import Bundle
from neardup.config import exit_on_error
from neardup.errors import ImageError
from neardup.evaluation.edits.named import HARD, MISSION, STRONG, Edit, apply_edit
from neardup.evaluation.methods import Method, encoder
from neardup.evaluation.protocols.pairs import folder_pictures
from neardup.progress import progress
from neardup.scan.second_look import REACH, neighbour_count

SETS = {"mission": MISSION, "others": STRONG, "hard": HARD}
SIDE, BATCH, SEED, DRAWS = 256, 32, 0, 50
LARGER = (100_000, 1_000_000)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--among", type=Path, nargs="+", required=True)
    parser.add_argument("--queries", type=int, default=100)
    options = parser.parse_args()
    with exit_on_error():
        run(options)


def run(options: argparse.Namespace) -> None:
    method = encoder("neardup", Bundle.load(options.bundle))
    photos: list[NDArray[np.uint8]] = []
    vectors: list[NDArray[np.float32]] = []
    for folder in (options.photos, *options.among):
        files = folder_pictures(folder, max_images=1_000_000, side=SIDE, seed=SEED)
        with progress(folder.name, len(files.names), show=True) as advance:
            for start in range(0, len(files.names), BATCH):
                lot = []
                for place in range(start, min(start + BATCH, len(files.names))):
                    with suppress(ImageError):  # a list of licences among the photos
                        lot.append(files.load(place))
                    advance(1)
                photos += lot if folder == options.photos else []
                vectors.append(method.encode_in_batches(lot, BATCH))
    references = np.concatenate(vectors)
    sources = np.random.default_rng(SEED).permutation(len(photos))[: options.queries]
    sizes = (len(photos), len(references), *LARGER)
    print("| copies | " + " | ".join(f"{n:,}" for n in sizes) + " |")
    print("|---" * (len(sizes) + 1) + "|")
    print("| neighbours looked at | " + " | ".join(str(neighbour_count(n)) for n in sizes) + " |")
    for name, edits in SETS.items():
        rows = []
        for place, edit in enumerate(edits):
            own, nearer = compare(photos, references, sources, edit, place, method)
            rows.append([seen(own, nearer, len(photos), n) for n in sizes])
            if min(rows[-1]) < 0.98:
                print(f"| {edit.name} | " + " | ".join(f"{share:.3f}" for share in rows[-1]) + " |")
        print(f"| **{name}** | " + " | ".join(f"{s:.3f}" for s in np.mean(rows, axis=0)) + " |")


def compare(
    photos: list[NDArray[np.uint8]],
    references: NDArray[np.float32],
    sources: NDArray[np.int64],
    edit: Edit,
    place: int,
    method: Method,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(Q,) distances of the copies to their sources; (Q, R) which references lie nearer."""
    copies = [
        apply_edit(
            photos[source],
            edit,
            np.random.default_rng([SEED, source, place]),
            photos[(source + 1) % len(photos)],
        )
        for source in sources.tolist()
    ]
    distances = method.distances(method.encode_in_batches(copies, BATCH), references)
    own = distances[np.arange(len(sources)), sources]
    nearer = distances < own[:, None]
    if edit.family == "on_another":  # the picture that the copy lies on is no unrelated one
        nearer[np.arange(len(sources)), (sources + 1) % len(photos)] = False
    return own, nearer


def seen(own: NDArray[np.float32], nearer: NDArray[np.bool_], few: int, size: int) -> float:
    """Share of the copies that are candidates in a collection of ``size`` pictures."""
    looked_at = neighbour_count(size)
    if size in (few, nearer.shape[1]):
        return float(((own <= REACH) & (nearer[:, :size].sum(axis=1) < looked_at)).mean())
    expected = nearer.mean(axis=1) * size
    drawn = np.random.default_rng(SEED).poisson(expected, (DRAWS, len(own)))
    return float(((own <= REACH) & (drawn < looked_at)).mean())


if __name__ == "__main__":
    main()
