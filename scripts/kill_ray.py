"""The scan on Ray beside the plain scan, from every kind of source, while its workers are killed.

    python scripts/kill_ray.py --photos DIR --out OUT [--bad DIR] [--count 300] [--kills 12]

Takes ``count`` photographs, a smaller copy of every tenth, an identical one of every twentieth, and
all files of ``--bad``; scans the folder plainly; then scans it on Ray, and the same files from tar
archives, from Parquet and from an object storage on the loopback (moto's). At random moments of
each, the processes of Ray that embed are killed. Groups, skipped files and counts must be those of
the plain scan. Needs neardup[dev].
"""

import argparse
import csv
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import psutil
import pyarrow as arrow
import pyarrow.parquet as parquet
from moto.server import ThreadedMotoServer
from PIL import Image

from neardup.files import list_files

PARTS = 4  # archives and Parquet files that the files are put into


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--bad", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="scratch folder, emptied")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    rng = random.Random(options.seed)
    folder = options.out / "files"
    gather(folder, options.photos, options.bad, options.count, rng)
    started = time.monotonic()
    plain = scanned(folder, options.out / "plain")
    told("plain scan", plain, time.monotonic() - started)
    kills = 0
    for number, (name, prepare) in enumerate(SOURCES.items(), 1):
        source = prepare(folder, options.out / name)
        killed: list[float] = []
        wanted = number * options.kills // len(SOURCES) - kills
        kill = partial(kill_workers, wanted=wanted, killed=killed, rng=rng)
        started = time.monotonic()
        found = scanned(source, options.out / f"{name} report", "--engine", "ray", watch=kill)
        kills += len(killed)
        moments = ", ".join(f"{moment - started:.1f}" for moment in killed)
        told(f"{name}, workers killed after {moments} s", found, time.monotonic() - started)
        assert found == plain, f"{name} differs"
    print(f"{kills} workers killed; groups, skipped files and counts are those of the plain scan")


def gather(folder: Path, photos: Path, bad: Path | None, count: int, rng: random.Random) -> None:
    """Photographs, copies of some, and files that cannot be read, in one folder."""
    folder.mkdir(parents=True)
    chosen = rng.sample(list_files(photos), count)
    for number, path in enumerate(chosen):
        shutil.copy(path, folder / f"{number}{path.suffix}")
        if number % 10 == 0:
            with Image.open(path) as image:
                image.thumbnail((image.width // 2, image.height // 2))
                image.convert("RGB").save(folder / f"{number} small.jpg", quality=80)
        if number % 20 == 0:
            shutil.copy(path, folder / f"{number} again{path.suffix}")
    for number, path in enumerate([] if bad is None else list_files(bad)):
        shutil.copy(path, folder / f"bad {number}{path.suffix}")


def scanned(
    source: object, report: Path, *more: str, watch: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Groups (by content), skipped files and counts of a scan."""
    command = [sys.executable, "-m", "neardup.cli.main", "scan", str(source), "--out", str(report)]
    process = subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if watch is not None:
        threading.Thread(target=watch, args=(process.pid,), daemon=True).start()
    _, said = process.communicate()
    if process.returncode not in (0, 1):
        raise SystemExit(said.decode())
    result = json.loads((report / "groups.json").read_text())
    with (report / "skipped.csv").open(newline="") as file:
        skipped = {(row["path"].rpartition("!")[2], row["reason"]) for row in csv.DictReader(file)}
    return {
        "groups": {
            tuple(sorted((file["sha256"], file["distance"]) for file in group["files"]))
            for group in result["groups"]
        },
        "skipped": {(Path(name).name, reason) for name, reason in skipped},
        "counts": result["counts"],
    }


def told(what: str, found: dict[str, Any], seconds: float) -> None:
    print(f"{what}: {len(found['groups'])} groups, {found['counts']}, {seconds:.0f} s", flush=True)


def kill_workers(pid: int, *, wanted: int, killed: list[float], rng: random.Random) -> None:
    """Kill processes that embed, each at a random moment, until as many as wanted are dead."""
    scan = psutil.Process(pid)
    while len(killed) < wanted and scan.is_running():
        time.sleep(rng.uniform(0.5, 5))
        try:
            below = scan.children(recursive=True)
            embedding = [each for each in below if "EmbedUnits" in "".join(each.cmdline())]
            if embedding:
                os.kill(rng.choice(embedding).pid, signal.SIGKILL)
                killed.append(time.monotonic())
        except (psutil.Error, ProcessLookupError):
            continue


def as_folder(folder: Path, _: Path) -> object:
    return folder


def as_archives(folder: Path, place: Path) -> object:
    place.mkdir()
    for part in range(PARTS):
        with tarfile.open(place / f"{part}.tar", "w") as tar:
            for path in list_files(folder)[part::PARTS]:
                tar.add(path, path.name)
    return f"{place}/{{0..{PARTS - 1}}}.tar"


def as_parquet(folder: Path, place: Path) -> object:
    place.mkdir()
    for part in range(PARTS):
        files = list_files(folder)[part::PARTS]
        rows = [{"bytes": path.read_bytes(), "path": path.name} for path in files]
        parquet.write_table(
            arrow.table({"image": rows}), place / f"{part}.parquet", row_group_size=50
        )
    return f"{place}/*.parquet#image"


def as_objects(folder: Path, _: Path) -> object:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = boto3.client("s3")
    client.create_bucket(Bucket="photos")
    for path in list_files(folder):
        client.upload_file(str(path), "photos", path.name)
    return "s3://photos"


SOURCES: dict[str, Callable[[Path, Path], object]] = {
    "folder": as_folder,
    "archives": as_archives,
    "parquet": as_parquet,
    "objects": as_objects,
}

if __name__ == "__main__":
    main()
