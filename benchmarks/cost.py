"""What ``neardup scan --engine ray`` costs: a table of core hours, bytes and dollars, by a model.

    python benchmarks/cost.py [--sizes 1000000 10000000 100000000 1000000000]

The constants were measured by the command beside each, on one machine of two cores that other
programs used too. The prices are assumptions, to be replaced by one's own. Whatever the table says
of a billion, the driver holds the vectors and the groups: its memory is a column.
"""

import argparse

from neardup.scale.join import CELL, visits
from neardup.scale.storage import BLOCK

EMBEDDED = 31.0
"""Pictures of web size that a core reads, decodes and embeds in a second: neardup scan PHOTOS
--engine ray, 3,008 photographs in 48 s of two cores."""
COMPARED = 21.3
"""Core seconds of 10^9 comparisons: OMP_NUM_THREADS=1 benchmarks/join.py --sizes 100000."""
PLACED = 28.9
"""Core seconds of 10^9 looks at a cell, from a vector that chooses those it visits:
OMP_NUM_THREADS=1 benchmarks/cells.py --sizes 1000000 --part 5."""
CENTRED = 1.2
"""Core seconds of finding the centres of a thousand cells; grows with the square: the same."""
REREAD = 0.037
"""Core seconds of a picture whose traces are read: neardup scan PHOTOS, its seconds.originals."""
REPORTED = 0.0009
"""Seconds of the driver for each file, groups and tables: benchmarks/report.py --sizes 100000
--pairs 1000000. The page is bounded."""
GROUPED = 1 / 25
"""Pictures in groups, of all: one in fifty is a copy of another, as in benchmarks/vectors.py."""
BYTES_A_ROW = 2_300
"""Of the table of vectors: its size in the report of neardup scan PHOTOS --engine ray."""
BYTES_ON_THE_DRIVER = 7_000
"""Of memory for each picture: its vector, file, facts and pairs: peak_mb of groups, the same."""
BYTES_A_VISIT = 4

PICTURE_BYTES = 150_000
"""Of a picture's file, assumed: read from containers, in blocks, and one by one."""
PRICES = {"core hour": 0.04, "GB for a month": 0.023, "1000 requests": 0.0004}
"""Dollars, assumed: a shared core, and an object storage."""
REQUESTS_A_FILE = 2  # its size and its bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [10**6, 10**7, 10**8, 10**9]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes)
    columns = [figures(n) for n in parser.parse_args().sizes]
    for name in columns[0]:
        print(f"| {name} | {' | '.join(shown(column[name]) for column in columns)} |")
        if name == "pictures":
            print("|---" * (len(columns) + 1) + "|")


def figures(n: int) -> dict[str, float]:
    """What n pictures take."""
    cells = max(1, 10 * n // CELL)
    hours = {
        "core hours: embedding": n / EMBEDDED / 3600,
        "cells": ((cells / 1000) ** 2 * CENTRED + n * cells / 1e9 * PLACED) / 3600,
        "pairs": n**2 * visits(cells) / cells / 1e9 * COMPARED / 3600,
        "originals": n * GROUPED * REREAD / 3600,
        "groups and tables (the driver's)": n * REPORTED / 3600,
    }
    requests = {"files": n * REQUESTS_A_FILE, "containers": n * PICTURE_BYTES / BLOCK}
    held = BYTES_ON_THE_DRIVER + BYTES_A_VISIT * visits(cells)
    gigabytes = n * BYTES_A_ROW / 1e9
    return {
        "pictures": n,
        **hours,
        "GB of the table": gigabytes,
        "GB of the driver's memory": n * held / 1e9,
        "dollars: cores": sum(hours.values()) * PRICES["core hour"],
        "the table for a month": gigabytes * PRICES["GB for a month"],
        "requests for files one by one": requests["files"] / 1000 * PRICES["1000 requests"],
        "or for containers": requests["containers"] / 1000 * PRICES["1000 requests"],
    }


def shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


if __name__ == "__main__":
    main()
