"""Print how often the original is told from its edit: Markdown, one row for each edit.

    python scripts/measure_originals.py PHOTOS [--photos 30] [--verify]

Each photo, as PNG or as JPEG of quality 85, is paired with each edit of it, as PNG or as JPEG of
quality 60, 90 or 95. Counted are the pairs that a scan calls duplicates: within the default
threshold, or with --verify those that the second look proves, which then also says how the one was
made from the other. "right" are the pairs in which the original is kept, "none" those in which
nothing is proposed, "wrong" those in which the edit is kept.
"""

import argparse
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neardup.config import exit_on_error
from neardup.detector import Detector
from neardup.evaluation.edits.named import HARD, MISSION, STRONG, Edit, apply_edit
from neardup.evaluation.protocols.pairs import folder_pictures
from neardup.images.reading import read_image
from neardup.images.traces import find_traces, jpeg_quality
from neardup.library.file import read_facts
from neardup.progress import progress
from neardup.scan.original import Look, original
from neardup.verify.features import extract
from neardup.verify.match import verify

Pixels = NDArray[np.uint8]
FORMATS = (None, 90, 60, 95)
"""JPEG qualities; None is PNG."""

SIDE, SEED = 100_000, 0


def resized(factor: float) -> Callable[[Pixels, np.random.Generator, Pixels], Pixels]:
    def edit(image: Pixels, rng: np.random.Generator, ground: Pixels) -> Pixels:
        size = max(8, round(image.shape[1] * factor)), max(8, round(image.shape[0] * factor))
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))

    return edit


def named(edit: Edit) -> Callable[[Pixels, np.random.Generator, Pixels], Pixels]:
    return lambda image, rng, ground: apply_edit(image, edit, rng, ground)


EDITS = {edit.name: named(edit) for edit in (*MISSION, *STRONG, *HARD)}
EDITS |= {f"resized {factor:g}x": resized(factor) for factor in (0.5, 1.5, 2)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--photos", type=int, default=30)
    parser.add_argument("--verify", action="store_true")
    options = parser.parse_args()
    with exit_on_error():
        run(options.folder, options.photos, with_second_look=options.verify)


def run(folder: Path, count: int, *, with_second_look: bool) -> None:
    detector = Detector.load()
    files = folder_pictures(folder, max_images=count, side=SIDE, seed=SEED)
    photos = [files.load(place) for place in range(len(files.names))]
    results: dict[str, Counter[int]] = {name: Counter() for name in EDITS}
    with progress("Pairs", len(photos) * len(EDITS), show=True) as advance:
        for place, photo in enumerate(photos):
            first = saved(photo, None if place % 2 else 85)
            ground = photos[(place + 1) % len(photos)]
            for number, (name, edit) in enumerate(EDITS.items()):
                edited = edit(photo, np.random.default_rng([SEED, place, number]), ground)
                second = saved(edited, FORMATS[(place + number) % len(FORMATS)])
                advance(1)
                match = verify(extract(photo), extract(edited)) if with_second_look else None
                if match is None and not detector.is_duplicate(photo, edited):
                    continue
                kept, _ = original(look(first), look(second), match)
                either = match is not None and match.kind.of_parts
                results[name][0 if either else kept] += 1
    print("| edit | right | none | wrong |\n|---|---|---|---|")
    for name, found in results.items():
        print(f"| {name} | {found[-1]} | {found[0]} | {found[1]} |")
    total = sum(results.values(), Counter())
    proposed = total[-1] + total[1]
    print(f"\nproposed in {proposed / total.total():.3f} of {total.total()} pairs, right in")
    print(f"{total[-1] / proposed:.3f} of those")


def saved(pixels: Pixels, quality: int | None) -> bytes:
    buffer = io.BytesIO()
    if quality is None:
        Image.fromarray(pixels).save(buffer, "PNG")
    else:
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def look(data: bytes) -> Look:
    return Look(read_facts(data), find_traces(read_image(data), jpeg_quality(data)))


if __name__ == "__main__":
    main()
