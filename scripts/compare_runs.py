"""Print one Markdown row for each training run: ``python scripts/compare_runs.py RUN [RUN ...]``.

All figures are of the test split, over every pair of an edited and an original picture; recall and
precision are at the threshold that each run chose on its validation split.
"""

import argparse
import json
from pathlib import Path
from typing import Any

HEAD = "| loss | backbone | steps | AP untrained | AP | recall untrained | recall | precision |"


def main() -> None:
    """Read the summaries and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    print(HEAD)
    print("|---" * HEAD.count(" | ") + "|---|")
    for run in parser.parse_args().runs:
        path = run / "summary.json"
        if path.is_file():
            print(row(json.loads(path.read_text())))


def row(summary: dict[str, Any]) -> str:
    """One run as a row of the table."""
    before, after = (
        run["test"]["operating_points"]["precision=0.99"] for run in (summary["untrained"], summary)
    )
    cells = [
        summary["loss"]["name"],
        summary["backbone"],
        str(summary["steps"]),
        f"{summary['untrained']['test']['average_precision']:.3f}",
        f"{summary['test']['average_precision']:.3f}",
        f"{before['recall']:.3f}",
        f"{after['recall']:.3f}",
        f"{after['precision']:.3f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
