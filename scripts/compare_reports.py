"""Print one Markdown row for each report of eval.py: ``python scripts/compare_reports.py OUT ...``.

Each cell is average precision / recall at the threshold that was chosen for the wanted precision,
for the encoder and for each baseline of that report.
"""

import argparse
import json
from pathlib import Path
from typing import Any


def main() -> None:
    """Read the reports and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="+", type=Path, metavar="OUT", help="eval.py's out folder")
    reports = {
        folder.name: json.loads((folder / "report.json").read_text())
        for folder in parser.parse_args().reports
    }
    methods = ["neardup"]
    for report in reports.values():
        methods += [b["method"] for b in report["baselines"] if b["method"] not in methods]
    print(f"| set | wanted precision | {' | '.join(methods)} |")
    print("|---" * (len(methods) + 2) + "|")
    for name, report in reports.items():
        cells = cells_of(report)
        wanted = f"{report['config']['target_precision']:g}"
        print(f"| {name} | {wanted} | {' | '.join(cells.get(m, '') for m in methods)} |")


def cells_of(report: dict[str, Any]) -> dict[str, str]:
    """Average precision and recall of each method of one report."""
    own = report["operating_points"][report["chosen"]]
    rows = {"neardup": (report["headline"], own["recall"])}
    rows |= {b["method"]: (b["headline"], b["recall"]) for b in report["baselines"]}
    return {
        method: f"{headline['average_precision']:.3f} / {recall:.2f}"
        for method, (headline, recall) in rows.items()
    }


if __name__ == "__main__":
    main()
