"""``kill -9`` during scan and during index add, many times at random moments.

    python scripts/kill_scan.py --photos DIR --bundle DIR --out OUT [--times 20]

After the kills, the next run must end with the result of an unbroken one, and nothing lost.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def neardup(*arguments: object, kill_after: float | None = None) -> dict[str, object]:
    command = [sys.executable, "-m", "neardup.cli.main", *map(str, arguments), "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        output, _ = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return {"killed": True}
    if process.returncode not in (0, 1):
        raise SystemExit(f"exit code {process.returncode}: {' '.join(command)}")
    return json.loads(output)


def groups(report: Path) -> object:
    return json.loads((report / "groups.json").read_text())["groups"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="scratch folder, emptied")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--at", default="0.1")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    rng = random.Random(0)

    scan = ["scan", options.photos, "--bundle", options.bundle, "--at", options.at, "--out"]
    started = time.monotonic()
    whole = neardup(*scan, options.out / "whole")
    seconds = time.monotonic() - started
    kills = 0
    for _ in range(options.times):
        # Short lives, so that the kills fall all over the scan rather than after it.
        moment = rng.uniform(0.1, max(1.5, 3 * seconds / options.times))
        kills += "killed" in neardup(*scan, options.out / "broken", "--resume", kill_after=moment)
    started = time.monotonic()
    broken = neardup(*scan, options.out / "broken", "--resume")
    assert groups(options.out / "broken") == groups(options.out / "whole"), "groups differ"
    assert broken["counts"] == whole["counts"], "counts differ"
    print(
        f"scan: {kills} kills of {options.times} runs, then the same groups and counts; "
        f"unbroken {seconds:.1f} s, the last resume {time.monotonic() - started:.1f} s"
    )

    index = options.out / "pictures.index"
    empty = options.out / "empty"
    empty.mkdir()
    neardup("index", "create", index, empty, "--bundle", options.bundle)
    add = ["index", "add", index, options.photos, "--bundle", options.bundle]
    kills = 0
    for _ in range(options.times):
        kills += "killed" in neardup(*add, kill_after=rng.uniform(0.5, max(4.0, seconds / 4)))
    neardup(*add)
    last = neardup(*add)
    counts = whole["counts"]
    assert isinstance(counts, dict)
    assert last["pictures"] == counts["embedded"] + counts["identical"], "pictures were lost"
    assert last["added"] == 0, "something was not remembered"
    print(f"index add: {kills} kills of {options.times} runs, then {last['pictures']} pictures")


if __name__ == "__main__":
    main()
