"""Print one Markdown row for each training run: ``python scripts/compare_runs.py RUN [RUN ...]``.

The first column holds the keys of the configuration in which the runs differ. All figures are of
the test split, over every pair of an edited and an original picture; recall and precision are at
the threshold that each run chose on its validation split for the wanted precision.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

FAMILIES = {"zoom 1.5x": "zoom 1.5x AP", "all three at zoom 1.5x": "all three AP"}
POINTS = {"precision=0.99": "P.99", "precision=0.999": "P.999"}
IGNORED = ("run_dir", "data.cache_dir", "data.root", "trainer.val_every")


def main() -> None:
    """Read the summaries and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    finished = [run for run in parser.parse_args().runs if (run / "summary.json").is_file()]
    settings = [flat(yaml.safe_load((run / "config.yaml").read_text())) for run in finished]
    names = different(settings)
    head = ["run", "AP", *FAMILIES.values()]
    head += [f"{what} {at}" for at in POINTS.values() for what in ("recall", "precision")]
    print(f"| {' | '.join(head)} |")
    print("|---" * len(head) + "|")
    for run, setting in zip(finished, settings, strict=True):
        name = ", ".join(f"{key}={setting[key]}" for key in names if key in setting)
        summary = json.loads((run / "summary.json").read_text())
        print(f"| {' | '.join([name or run.name, *figures(summary)])} |")


def figures(summary: dict[str, Any]) -> list[str]:
    """The cells of a run after its name."""
    test = summary["test"]
    families = {row["family"]: row["average_precision"] for row in test["families"]}
    values = [test["average_precision"], *(families[name] for name in FAMILIES)]
    for at in POINTS:
        point = test["operating_points"][at]
        values += [point["recall"], point["precision"]]
    return [f"{value:.3f}" for value in values]


def flat(settings: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Nested configuration -> dotted keys."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        inner = flat(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
        found |= inner
    return found


def different(settings: list[dict[str, Any]]) -> list[str]:
    """The keys whose values are not the same in all runs that have them."""
    values: dict[str, set[str]] = {}
    for setting in settings:
        for key, value in setting.items():
            values.setdefault(key, set()).add(repr(value))
    return [key for key, found in values.items() if len(found) > 1 and key not in IGNORED]


if __name__ == "__main__":
    main()
