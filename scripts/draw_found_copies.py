"""Draw the README's picture: an original, copies of it, another picture, and their distances.

    python scripts/draw_found_copies.py docs/found_copies.png [--bundle DIR] [--image FILE]

Without --image the pictures are drawn by ``neardup.procedural``, so that nobody's photo is needed.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from neardup import Detector
from neardup.evaluation.edits.named import Edit, edit_image
from neardup.images.reading import read_image
from neardup.procedural import generate

EDITS = (
    Edit("zoom", 1.5),
    Edit("hue_saturation", 18),
    Edit("all_three", 1.5),
    Edit("caption", 0.15),
    Edit("rotation", 8),
)
CELL, GAP, LINE = 180, 8, 20


def main() -> None:
    """Measure the distances and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT.png")
    parser.add_argument("--bundle", help="default: the encoder that comes with neardup")
    parser.add_argument("--image", type=Path, help="the original; default: a drawn one")
    options = parser.parse_args()
    detector = Detector.load(options.bundle)
    original = read_image(options.image) if options.image else generate(seed=5, index=3, size=256)
    shown = {"original": original}
    shown |= {edit.name: edit_image(original, 0, edit, seed=0) for edit in EDITS}
    shown["another picture"] = generate(seed=5, index=4, size=256)
    vectors = detector.embed(shown.values())
    distances = np.linalg.norm(vectors - vectors[0], axis=1)
    threshold = detector.bundle.threshold()
    width = len(shown) * (CELL + GAP) + GAP
    sheet = Image.new("RGB", (width, CELL + 2 * LINE + 2 * GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    for place, (name, picture) in enumerate(shown.items()):
        left = GAP + place * (CELL + GAP)
        small = Image.fromarray(picture)
        small.thumbnail((CELL, CELL))
        sheet.paste(small, (left, GAP))
        answer = "the same" if distances[place] <= threshold else "different"
        draw.text((left, CELL + GAP + 4), name, fill="black", font=font)
        if place:
            text = f"{distances[place]:.2f}: {answer}"
            draw.text((left, CELL + GAP + LINE), text, fill="#2369a8", font=font)
    sheet.save(options.out)
    print(f"{options.out}: threshold {threshold:.4f}")


if __name__ == "__main__":
    main()
