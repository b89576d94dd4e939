"""Print what the second look adds to an encoder, and fit probabilities: Markdown.

    python scripts/measure_second_look.py PHOTOS BUNDLE [--queries 100] [--images 2000] [--write]

Of --queries photos every edit is made; all --images photos are references. As ``neardup scan
--verify`` does, a copy is found within the strict threshold of the bundle (precision 0.999), or
where the second look verifies one of its nearest neighbours within reach; "alone" is the strict
threshold without it, "default" the bundle's own. False pairs are counted over all copies. The
probabilities are fitted on one half of the sources and tried on the other; --write fits them on all
and puts them into the bundle.
"""

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neardup.bundle import Bundle
from neardup.config import exit_on_error
from neardup.embedder import available_cores
from neardup.evaluation.calibration import (
    KnownPairs,
    fit,
    histogram,
    reliability,
)
from neardup.evaluation.edits.named import HARD, MISSION, STRONG, Edit, apply_edit
from neardup.evaluation.methods import encoder
from neardup.evaluation.protocols.pairs import folder_pictures
from neardup.probability import evidence
from neardup.progress import progress
from neardup.scan.second_look import REACH, neighbour_count, strict_threshold
from neardup.verify.features import Features, extract
from neardup.verify.match import Kind, Match, verify

SETS = {"mission": MISSION, "others": STRONG, "hard": HARD}
SIDE, BATCH, SEED = 256, 32, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A copy and a reference that got a second look."""

    edit: str
    source: int
    reference: int
    distance: float
    match: Match | None

    @property
    def verified(self) -> bool:
        return self.match is not None and self.match.kind is not Kind.SCENE


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
    files = folder_pictures(options.photos, max_images=options.images, side=SIDE, seed=SEED)
    photos = [files.load(index) for index in range(len(files.names))]
    method = encoder("neardup", bundle)
    vectors = method.encode_in_batches(photos, BATCH)
    strict, default = strict_threshold(bundle, None), bundle.threshold()
    sources = np.random.default_rng(SEED).permutation(len(photos))[: options.queries]
    extracted = cache(lambda index: extract(photos[index]))
    neighbours = neighbour_count(len(photos))
    candidates: list[Candidate] = []
    own: dict[tuple[str, int], float] = {}
    others: list[NDArray[np.int64]] = []
    seconds, looked = 0.0, 0

    def look(copy: Features, reference: int) -> Match | None:
        return verify(extracted(reference), copy)

    with (
        ThreadPoolExecutor(available_cores()) as pool,
        progress("Copies", len(sources), show=True) as advance,
    ):
        for source in sources.tolist():
            edits = [edit for chosen in SETS.values() for edit in chosen]
            copies = [copy_of(photos, source, place, edit) for place, edit in enumerate(edits)]
            distances = method.distances(method.encode_in_batches(copies, BATCH), vectors)
            others.append(histogram(np.delete(distances, source, axis=1)))
            features = list(pool.map(extract, copies))
            for edit, copy, row in zip(edits, features, distances, strict=True):
                own[edit.name, source] = float(row[source])
                near = np.argsort(row)[:neighbours]
                near = np.union1d(near[row[near] <= REACH], np.flatnonzero(row <= strict))
                list(pool.map(extracted, near.tolist()))
                started = time.monotonic()
                matches = list(pool.map(look, [copy] * len(near), near.tolist()))
                seconds, looked = seconds + time.monotonic() - started, looked + len(near)
                candidates += [
                    Candidate(
                        edit=edit.name,
                        source=source,
                        reference=reference,
                        distance=float(row[reference]),
                        match=match,
                    )
                    for reference, match in zip(near.tolist(), matches, strict=True)
                ]
            advance(1)
    print(f"{len(sources)} sources of {len(photos)} photos; strict {strict:.4f}, default")
    print(f"{default:.4f}; {neighbours} neighbours within {REACH}; {looked} pairs looked at, ")
    print(f"{1000 * seconds / max(1, looked):.1f} ms each on {available_cores()} threads\n")
    table(candidates, own, strict, default, files.names)
    known = known_pairs(candidates, own, sources, np.array(others), len(photos))
    on = f"{len(own)} synthetic copies of {len(sources)} photos among {len(photos)}"
    believe(known, on)
    if options.write:
        replace(bundle, calibration=fit(known, on)).save()
        print(f"\nwritten into {bundle.directory}")


def copy_of(
    photos: Sequence[NDArray[np.uint8]], source: int, place: int, edit: Edit
) -> NDArray[np.uint8]:
    """The edited photo; a photo of another source is the ground where one is needed."""
    ground = photos[(source + 1) % len(photos)]
    return apply_edit(photos[source], edit, np.random.default_rng([SEED, source, place]), ground)


def table(
    candidates: Sequence[Candidate],
    own: dict[tuple[str, int], float],
    strict: float,
    default: float,
    names: Sequence[str],
) -> None:
    verified = {(c.edit, c.source) for c in candidates if c.reference == c.source and c.verified}
    looked = {(c.edit, c.source) for c in candidates if c.reference == c.source}
    print("| edit | default | alone | with the second look | candidates |\n|---|---|---|---|---|")

    def row(name: str, keys: Sequence[tuple[str, int]], bold: str = "") -> None:
        shares = (
            np.mean([own[key] <= default for key in keys]),
            np.mean([own[key] <= strict for key in keys]),
            np.mean([own[key] <= strict or key in verified for key in keys]),
            np.mean([key in looked for key in keys]),
        )
        print(f"| {bold}{name}{bold} | " + " | ".join(f"{share:.3f}" for share in shares) + " |")

    for name, edits in SETS.items():
        for edit in edits:
            row(edit.name, [key for key in own if key[0] == edit.name])
        row(name, [key for key in own if key[0] in {edit.name for edit in edits}], "**")
    wrong = [c for c in candidates if c.reference != c.source and not _ground(c, len(names))]
    false = [c for c in wrong if c.distance <= strict]
    shown = [c for c in wrong if c.verified]
    print(f"\nfalse pairs among {len(wrong)} wrong candidates: {len(false)} within the strict")
    print(f"threshold, {len(shown)} verified, of these photos:\n")
    pairs = {tuple(sorted((names[c.source], names[c.reference]))) for c in [*false, *shown]}
    for first, second in sorted(pairs):
        print(f"- {first} and {second}")


def _ground(candidate: Candidate, count: int) -> bool:
    """The reference that the copy was laid on: it is shown as well."""
    on_ground = candidate.edit.startswith("on another")
    return on_ground and candidate.reference == (candidate.source + 1) % count


def known_pairs(
    candidates: Sequence[Candidate],
    own: dict[tuple[str, int], float],
    sources: NDArray[np.int64],
    others: NDArray[np.int64],
    references: int,
) -> KnownPairs:
    kept = [c for c in candidates if not _ground(c, references)]
    return KnownPairs(
        distance=np.array([c.distance for c in kept]),
        evidence=np.array([evidence(c.match) for c in kept]),
        positive=np.array([c.reference == c.source for c in kept]),
        group=np.array([c.source for c in kept], dtype=np.int64),
        sources=sources,
        positives=np.array(
            [
                histogram(np.array([d for (_, of), d in own.items() if of == source]))
                for source in sources.tolist()
            ]
        ),
        others=others,
        references=references,
    )


def believe(known: KnownPairs, on: str) -> None:
    """Fit on one half of the sources, and compare promise and truth on the other."""
    mixed = np.random.default_rng(SEED).permutation(np.unique(known.group))
    half = len(mixed) // 2
    calibration = fit(known.of_groups(mixed[:half]), on)
    test = known.of_groups(mixed[half:])
    after = calibration.after_second_look(test.distance, test.evidence)
    found = reliability(after, test.positive)
    print("\nfitted on one half, tried on the other: expected calibration error")
    print(f"{found.expected_calibration_error:.4f}, Brier score {found.brier:.4f}, of ", end="")
    print(f"{len(test.positive)} pairs\n")
    print("| promised | true | pairs |\n|---|---|---|")
    for promised, true, pairs in zip(found.promised, found.true, found.pairs, strict=True):
        print(f"| {promised:.3f} | {true:.3f} | {pairs} |")


if __name__ == "__main__":
    main()
