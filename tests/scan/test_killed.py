"""``kill -9`` at any moment: the next run ends with the result of an unbroken one."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest


@pytest.fixture
def many(tmp_path, picture):
    folder = tmp_path / "many"
    folder.mkdir()
    for seed in range(90):
        picture(seed % 60, size=(90 + seed // 60, 70)).save(folder / f"{seed}.png")
    return folder


def neardup(*arguments):
    command = [sys.executable, "-m", "neardup.cli.main", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def kill_at_random(command, rng, longest):
    process = neardup(*command)
    time.sleep(rng.uniform(0.1, longest))
    process.send_signal(signal.SIGKILL)
    process.communicate()


def seconds_of(command):
    started = time.monotonic()
    process = neardup(*command)
    output, _ = process.communicate()
    assert process.returncode in (0, 1)
    return time.monotonic() - started, output


def test_scan(many, toy_bundle, tmp_path):
    def command(out):
        return ("scan", many, "--bundle", toy_bundle, "--out", tmp_path / out, "--batch-size", 4)

    def groups(out):
        return json.loads((tmp_path / out / "groups.json").read_text())["groups"]

    unbroken, _ = seconds_of(command("whole"))
    rng = random.Random(0)
    for _ in range(2):
        kill_at_random((*command("broken"), "--resume"), rng, unbroken)
    seconds_of((*command("broken"), "--resume"))
    assert groups("broken") == groups("whole")
    assert len(groups("whole")) == 30


def test_index_add(many, toy_bundle, tmp_path):
    pytest.importorskip("lancedb")
    start = tmp_path / "start"
    start.mkdir()
    for path in sorted(many.iterdir())[:5]:
        shutil.copy(path, start)
    index = tmp_path / "pictures.index"
    seconds_of(("index", "create", index, start, "--bundle", toy_bundle))
    add = ("index", "add", index, many, "--bundle", toy_bundle, "--json")
    rng = random.Random(1)
    for _ in range(2):
        kill_at_random(add, rng, 2.5)
    _, output = seconds_of(add)
    assert json.loads(output)["pictures"] == 95
    _, output = seconds_of(add)
    assert json.loads(output) | {"files": 90} == {
        "files": 90, "known": 90, "added": 0, "blank": 0, "skipped": 0, "pictures": 95,
    }  # fmt: skip
