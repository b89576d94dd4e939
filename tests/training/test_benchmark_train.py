"""``benchmarks/train.py`` on a few tiny steps."""

import json
import subprocess
import sys
from pathlib import Path

from tiny import REPOSITORY, TINY, environment

LENGTH = ("trainer.max_steps", "trainer.val_every")


def test_it_prints_each_speed_and_their_ratio(tmp_path: Path) -> None:
    script = str(REPOSITORY / "benchmarks/train.py")
    keys = [override for override in TINY if not override.startswith(LENGTH)]
    short = ["--rounds", "3", "--steps", "2", "--warmup", "1"]
    done = subprocess.run(
        [sys.executable, script, *short, *keys],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    about, *rounds = map(json.loads, done.stdout.splitlines())
    assert (about["device"], about["image_size"], about["batch_size"]) == ("cpu", 32, 8)
    found = {row["measured"]: row for row in rounds if "measured" in row}
    assert 0 < found["training / bare step"]["median"] < 1.5  # a stall may hit either
    assert found["training, images/s"]["median"] > 0
    assert found["loader on one core, images/s"]["low"] > 0
    assert not list(tmp_path.iterdir())  # nothing is left behind


def test_a_wrong_key_is_refused(tmp_path: Path) -> None:
    script = str(REPOSITORY / "benchmarks/train.py")
    done = subprocess.run(
        [sys.executable, script, "augment.max_zoom=0"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "augment.max_zoom=0" in done.stderr
