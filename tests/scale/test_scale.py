"""``--engine ray`` finds what a scan on one machine finds, and accounts for every item."""

import json
import os
import shutil
import signal
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from neardup.bundle import Bundle
from neardup.cli.main import main
from neardup.files import list_files
from neardup.library.intake import Effort

pytest.importorskip("ray")
from neardup.scale import embedding, sources
from neardup.scale.table import VectorTable


@pytest.fixture(scope="module")
def album(tmp_path_factory, picture):
    """Originals with copies at different sizes, identical, blank and broken files."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("album")
    (folder / "sub").mkdir()
    for seed in range(12):
        picture(seed, size=(400, 300)).save(folder / f"{seed}.png")
        picture(seed, size=(200, 150)).save(folder / "sub" / f"{seed} small.jpg", quality=85)
    shutil.copy(folder / "3.png", folder / "sub" / "three again.png")
    Image.new("RGB", (50, 50), "white").save(folder / "white.png")
    (folder / "notes.txt.jpg").write_text("not a picture")
    whole = (folder / "sub" / "1 small.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    for number, path in enumerate(list_files(folder)):
        os.utime(path, (1_600_000_000 + 60 * number,) * 2)
    return folder


def scan(toy_bundle, out, *arguments):
    code = main(["scan", "--bundle", str(toy_bundle), "--out", str(out), *map(str, arguments)])
    report = json.loads((out / "groups.json").read_text())
    found = [
        [(Path(f["path"].rpartition("!")[2]).name, f["sha256"], f["distance"]) for f in g["files"]]
        for g in report["groups"]
    ]
    why = [(group["why"], group["proposed"]) for group in report["groups"]]
    return code, found, why, report["counts"], (out / "skipped.csv").read_text()


@pytest.fixture(scope="module")
def plain(album, toy_bundle, tmp_path_factory):
    return scan(toy_bundle, tmp_path_factory.mktemp("plain"), album)


def test_a_folder_gives_what_the_plain_scan_gives(ray, album, plain, toy_bundle, tmp_path):
    assert plain[3]["seen"] == sum(v for k, v in plain[3].items() if k != "seen") == 28
    assert scan(toy_bundle, tmp_path, album, "--engine", "ray") == plain


def test_archives_give_what_the_plain_scan_gives(ray, album, plain, toy_bundle, tmp_path):
    files = list_files(album)
    for number in range(2):
        with tarfile.open(tmp_path / f"{number:02}.tar", "w") as tar:
            for path in files[number::3]:
                tar.add(path, path.relative_to(album))
    with zipfile.ZipFile(tmp_path / "02.zip", "w") as archive:
        for path in files[2::3]:
            archive.write(path, path.relative_to(album))
    out = tmp_path / "out"
    shards = [tmp_path / "{00..01}.tar", tmp_path / "02.zip"]
    code, found, why, counts, skipped = scan(toy_bundle, out, *shards, "--engine", "ray")
    assert (code, counts) == (plain[0], plain[3])
    assert [{sha for _, sha, _ in group} for group in found] == [
        {sha for _, sha, _ in group} for group in plain[1]
    ]
    assert sorted(why) == sorted(plain[2])
    assert "00.tar!" in skipped


def test_a_damaged_archive_costs_what_is_behind_the_damage(album, tmp_path):
    with tarfile.open(tmp_path / "whole.tar", "w") as tar:
        for path in list_files(album)[:6]:
            tar.add(path, path.name)
    whole = (tmp_path / "whole.tar").read_bytes()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "spool").mkdir()
    lots = list(sources.spooled([str(cut)], tmp_path / "spool"))
    locals_ = [local for lot in lots for local in lot]
    assert len(locals_) >= 2
    assert "cannot be read beyond" in locals_[-1].reason


def test_a_killed_job_goes_on_from_what_is_written(
    ray, album, plain, toy_bundle, tmp_path, monkeypatch
):
    bundle = Bundle.load(toy_bundle)
    uri = str(tmp_path / "vectors.lance")
    table = VectorTable(uri, encoder_id=bundle.encoder_id, size=bundle.embedding_size, fresh=True)
    names = list(map(str, list_files(album)))
    embedding.embed_units([names[:10]], table, bundle, Effort(show_progress=False))
    assert table.done() == set(names[:10])
    asked = []
    real = embedding.embed_units

    def noting(units, *rest):
        units = list(units)
        asked.extend(name for unit in units for name in unit)
        real(units, *rest)

    monkeypatch.setattr("neardup.scale.pipeline.embed_units", noting)
    assert scan(toy_bundle, tmp_path, album, "--engine", "ray", "--resume") == plain
    assert sorted(asked) == sorted(names[10:])


def test_workers_that_are_killed_cost_nothing(ray, album, plain, toy_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_FILES_PER_UNIT", 2)
    killed = []
    over = threading.Event()

    def kill():
        while not over.is_set() and len(killed) < 3:
            time.sleep(0.3)
            for pid in workers():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                time.sleep(2)
                break

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        result = scan(toy_bundle, tmp_path, album, "--engine", "ray")
    finally:
        over.set()
        killer.join()
    assert killed
    assert result == plain


def workers():
    """Processes of this test's Ray that embed: grandchildren of this process."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name = (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            above = int(Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if above == os.getpid() and b"ray::" in name and b"EmbedUnits" in name:
            found.append(int(entry.name))
    return found


def test_vectors_that_exist_are_compared_without_the_pictures(
    ray, album, plain, toy_bundle, tmp_path
):
    uri = tmp_path / "vectors.lance"
    encoder = ["--bundle", str(toy_bundle)]
    assert main(["embed", str(album), "--engine", "ray", "--out", str(uri), *encoder]) == 0
    assert scan(toy_bundle, tmp_path / "own", uri, "--engine", "ray") == plain
    across = [str(uri), "--against", str(uri), "--engine", "ray", "--out", str(tmp_path / "both")]
    assert main(["scan", *across, *encoder]) == 1
    assert main(["scan", str(tmp_path / "no.lance"), "--engine", "ray", *encoder]) == 2


def test_what_changed_or_is_gone_is_embedded_again_or_forgotten(
    ray, album, toy_bundle, picture, tmp_path
):
    own = tmp_path / "album"
    shutil.copytree(album, own)
    out = tmp_path / "out"
    scan(toy_bundle, out, own, "--engine", "ray")
    picture(99, size=(300, 300)).save(own / "0.png")
    (own / "1.png").unlink()
    again = scan(toy_bundle, out, own, "--engine", "ray", "--resume")
    assert again == scan(toy_bundle, tmp_path / "plain", own)


def test_an_object_storage_gives_what_the_plain_scan_gives(
    ray, s3, album, plain, toy_bundle, tmp_path
):
    pytest.importorskip("s3fs")
    s3.create_bucket(Bucket="photos")
    for path in list_files(album):
        s3.upload_file(str(path), "photos", path.relative_to(album).as_posix())
    code, found, _, counts, skipped = scan(toy_bundle, tmp_path, "s3://photos", "--engine", "ray")
    assert (code, counts) == (plain[0], plain[3])
    assert [{sha for _, sha, _ in group} for group in found] == [
        {sha for _, sha, _ in group} for group in plain[1]
    ]
    assert "s3://photos/half.jpg,truncated" in skipped
    assert not any(
        b"secret-of-the-test" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()
    )


def test_braces_count_and_list():
    assert sources.expanded("a{08..11}.tar") == ["a08.tar", "a09.tar", "a10.tar", "a11.tar"]
    assert sources.expanded("{x,y}{1..2}") == ["x1", "x2", "y1", "y2"]
    assert sources.expanded("plain") == ["plain"]


class FlakyStorage:
    """Fails, ends early, or refuses, a few times."""

    def __init__(self, failures):
        self.failures, self.asked = list(failures), 0

    def info(self, path):
        return {"size": 5}

    def get_file(self, path, local):
        self.asked += 1
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, Exception):
            raise failure
        Path(local).write_bytes(b"12345" if failure is None else failure)


@pytest.mark.parametrize(
    ("failures", "reason"),
    [
        ([OSError("500 secret-key"), b"123", TimeoutError()], ""),
        ([OSError("500 secret-key")] * 9, "the storage failed 5 times (OSError)"),
        ([FileNotFoundError()], "there is no such file"),
    ],
)
def test_a_storage_is_asked_again_and_no_secret_is_told(tmp_path, monkeypatch, failures, reason):
    storage = FlakyStorage(failures)
    pauses = []
    monkeypatch.setattr(sources, "_system", lambda name: (storage, name))
    monkeypatch.setattr(sources.time, "sleep", pauses.append)
    ((local,),) = sources.spooled(["s3://bucket/a.jpg"], tmp_path)
    assert local.reason == reason
    assert (local.path is None) == bool(reason)
    assert pauses == sorted(pauses)
    if not reason:
        assert local.path.read_bytes() == b"12345"
        assert storage.asked == 4
