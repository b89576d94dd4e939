"""What a scan does after its search, on a collection that does not exist: seconds and memory.

    python benchmarks/report.py [--sizes 100000 1000000] [--pairs 10000000]

Of N files one in ten begins a group of two to four, six in a hundred are one group, one in fifty is
identical to another. The pairs are those within the groups, and of the large group as many as the
search would keep. The files exist, as links to a thousand small pictures, so that previews are
drawn. Each size runs alone in a process of its own; ``peak_mb`` is the highest during the stage,
``processor_seconds`` are those of its processes, which other programs disturb less. Vectors are
short here: real ones take 4 KB more for each file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from PIL import Image

from neardup.bundle import Bundle
from neardup.clean.plan import make_plan, read_groups
from neardup.images.traces import Traces
from neardup.library.file import Facts, File
from neardup.library.intake import Intake
from neardup.library.listing import GROUP_TABLE, GROUPS, PAGE, PAIRS, Listing, Selection
from neardup.library.store import Content
from neardup.procedural import generate
from neardup.scan.decisions import Decisions
from neardup.scan.pipeline import ScanOptions, compare
from neardup.scan.report import parquet, tables
from neardup.scan.report.page import write_page
from neardup.search.choice import MAX_PAIRS
from neardup.search.exact import Pairs

FILES_IN_A_FOLDER = 1000


def make_files(root: Path, n: int) -> list[Path]:
    """n paths, all of which can be read: folders that are links to one."""
    folder = root / "pictures"
    folder.mkdir()
    images = [Image.fromarray(generate(seed=0, index=index, size=256)) for index in range(10)]
    for number in range(FILES_IN_A_FOLDER):
        images[number % 10].save(folder / f"{number:04d}.jpg")
    folders = [root / f"album {number:04d}" for number in range(-(-n // FILES_IN_A_FOLDER))]
    for each in folders:
        each.symlink_to(folder)
    return [each / f"{number:04d}.jpg" for each in folders for number in range(1000)][:n]


def make_intake(paths: list[Path], size: int) -> Intake:
    """Files as hashing and embedding would have found them; every fiftieth repeats another."""
    rng = np.random.default_rng(0)
    n = len(paths)
    content = np.arange(n)
    repeated = rng.permutation(n)[: n // 50]
    content[repeated] = content[rng.integers(0, n, len(repeated))]
    keys = [f"{key:016x}" * 4 for key in rng.permutation(n).tolist()]
    shapes, lengths = rng.integers(400, 6000, (n, 2)), rng.integers(10**5, 10**7, n)
    vector = np.zeros(size, dtype=np.float32)
    files = [
        File(path=path, bytes=int(lengths[row]), modified=row, sha256=keys[row], link=False)
        for path, row in zip(paths, content.tolist(), strict=True)
    ]
    contents = {
        keys[row]: Content(
            None,
            Facts(width=width, height=height, format="JPEG", taken="", camera=False),
            vector.copy(),
        )
        for row, (width, height) in zip(np.unique(content).tolist(), shapes.tolist(), strict=False)
    }
    return Intake.of(files, contents, [], {})


def make_pairs(n: int, threshold: float, most: int) -> Pairs:
    """The pairs of the groups, each with a distance."""
    rng = np.random.default_rng(1)
    order = rng.permutation(n)
    large, rest = np.sort(order[: 6 * n // 100]), order[6 * n // 100 :]
    sizes = rng.integers(2, 5, n // 10)
    starts = np.cumsum(sizes) - sizes
    left, right = [], []
    for a in range(3):
        for b in range(a + 1, 4):
            held = starts[sizes > b]
            left.append(rest[held + a])
            right.append(rest[held + b])
    of_small = sum(map(len, left))
    left.append(np.full(len(large) - 1, large[0]))
    right.append(large[1:])
    more = min(most - of_small, len(large) * (len(large) - 1) // 2) - len(large)
    a, b = rng.choice(large[1:], (2, more))
    left.append(a[a != b])
    right.append(b[a != b])
    i, j = np.concatenate(left), np.concatenate(right)
    distance = rng.uniform(0.05, threshold, len(i)).astype(np.float32)
    return Pairs.collect([Pairs(np.minimum(i, j), np.maximum(i, j), distance)]).distinct()


def make_traces(pictures: list, _: object) -> dict[str, Traces]:
    """Traces of each picture, by sha256."""
    rng = np.random.default_rng(2)
    names = [field.name for field in fields(Traces)]
    values = rng.uniform(0.1, 1, (len(pictures), len(names))).tolist()
    return {
        picture.sha256: Traces(**dict(zip(names, row, strict=True)))
        for picture, row in zip(pictures, values, strict=True)
    }


def processor_seconds() -> float:
    """Of this process and of those that it started and that ended."""
    return sum(os.times()[:4])


@contextmanager
def stage(name: str) -> Iterator[None]:
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest memory so far
    started, busy = time.perf_counter(), processor_seconds()
    yield
    seconds, busy = time.perf_counter() - started, processor_seconds() - busy
    (peak,) = (
        line.split()[1]
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    figures = {"processor_seconds": round(busy, 1), "peak_mb": int(peak) // 1024}
    print(json.dumps({"stage": name, "seconds": round(seconds, 1), **figures}), flush=True)


def run(n: int, most: int, root: Path) -> None:
    bundle = replace(Bundle.load(), embedding_size=8)
    out = root / "report"
    with stage("make up the collection"):
        paths = make_files(root, n)
        intake = make_intake(paths, bundle.embedding_size)
        pairs = make_pairs(intake.counts.embedded, bundle.threshold(None), most)
    listing = Listing(
        scanned=paths, references=frozenset(), against=(), left_out=(), idle=(), skipped=()
    )
    print(json.dumps({"files": n, "pairs": len(pairs.left)}), flush=True)
    with stage("groups"):
        result = compare(
            Selection(folders=[root]),
            listing,
            intake,
            bundle,
            ScanOptions(),
            {},
            search=lambda *_: (pairs, "made up"),
            read_traces=make_traces,
        )
    print(json.dumps({"groups": len(result.groups)}), flush=True)
    with stage("groups.json"):
        tables.write_groups(result, out / GROUPS)
    with stage("groups.parquet"):
        parquet.write_group_table(result, out / GROUP_TABLE)
    with stage("pairs.csv"):
        tables.write_pairs(result, out / PAIRS)
    with stage("report.html"):
        write_page(result, out / PAGE)
    with stage("plan of neardup clean"):
        make_plan(read_groups(out), Decisions(), accept_sure=True)
    for path in sorted(out.iterdir()):
        print(json.dumps({"file": path.name, "mb": round(path.stat().st_size / 1e6, 1)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--pairs", type=int, default=MAX_PAIRS, help="at most")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for size in options.sizes:
        if options.one:
            with tempfile.TemporaryDirectory() as folder:
                run(size, options.pairs, Path(folder))
        else:
            arguments = ["--sizes", str(size), "--pairs", str(options.pairs), "--one"]
            subprocess.run([sys.executable, __file__, *arguments], check=True)


if __name__ == "__main__":
    main()
