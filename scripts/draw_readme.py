"""Draw the README's pictures: the report's page over copies of photographs, and one explained copy.

    pip install scikit-image && python scripts/draw_readme.py docs

writes ``docs/page.jpg`` and ``docs/explained.jpg`` by a real scan and a browser without a window
(Chromium or Chrome). The photographs come with scikit-image and scikit-learn: astronaut (NASA) and
rocket (SpaceX), in the public domain; camera (Lav Varshney), chelsea (Stefan van der Walt) and
coffee (Rachel Michetti), CC0; china (danielbuechele) and flower (vultilion), CC BY 2.0.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_images

from neardup.cli.main import main as neardup
from neardup.evaluation.edits.named import Edit, edit_image
from neardup.images.reading import read_image

COPIES = {
    "coffee": [("zoom", 1.6)],
    "chelsea": [("caption", 0.14), ("mirror", 1), ("thumbnail", 240)],
    "astronaut": [("rotation", 7)],
    "china": [("all_three", 1.3)],
    "rocket": [("jpeg", 12)],
    "camera": [],
    "flower": [("hue", 60)],
}
"""Photographs, and what their copies went through; without any, the copy is the same file."""

EXPLAINED = "coffee"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Make a folder, scan it, photograph the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="FOLDER")
    out = parser.parse_args().out.absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_pictures(Path("Pictures"))
        neardup(["scan", "Pictures", "--verify"])
        page = Path("neardup-report/report.html").read_text()
        accept = "decide(visible[0], () => accept(visible[0]));"
        photograph(page, accept, (1280, 860), out / "page.jpg")
        explain = f"""const found = data.groups.find((group) =>
          group.files.some((file) => file.map && file.path.includes({EXPLAINED!r})));
          shown.mode = "explained"; openViewer(found);"""
        photograph(page, explain, (1280, 620), out / "explained.jpg")


def make_pictures(folder: Path) -> None:
    """Write the photographs and their copies."""
    samples = load_sample_images()
    photos = dict(zip(("china", "flower"), samples.images, strict=True))
    for number, (name, edits) in enumerate(COPIES.items()):
        photo = photos[name] if name in photos else getattr(data, name)()
        original = folder / "2019" / f"{name}.jpg"
        copies = folder / "phone backup"
        for place in (original.parent, copies):
            place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).convert("RGB").save(original, quality=92)
        if not edits:
            shutil.copy(original, copies)
        for family, severity in edits:
            edited = edit_image(read_image(original), number, Edit(family, severity), seed=0)
            Image.fromarray(np.asarray(edited)).save(copies / f"{name} {family}.jpg", quality=85)


def photograph(page: str, script: str, size: tuple[int, int], path: Path) -> None:
    """Open the page in a window of that size, run a script in it, and keep what it looks like."""
    Path("neardup-report/shown.html").write_text(
        page.replace("</body>", f"<script>{script}</script></body>")
    )
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--virtual-time-budget=5000", f"--window-size={size[0]},{size[1]}",
        "--screenshot=shown.png", Path("neardup-report/shown.html").absolute().as_uri(),
    ]  # fmt: skip
    subprocess.run([browser, *flags], check=True, stderr=subprocess.DEVNULL)
    Image.open("shown.png").convert("RGB").save(path, quality=82, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
