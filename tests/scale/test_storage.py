"""An object storage that fails gives what a folder gives, and tells no secret."""

import tarfile
from pathlib import Path

import pytest
from tests.scale.scanned import page_of, read, scanned

from neardup.errors import NeardupError
from neardup.files import list_files

pytest.importorskip("ray")
pytest.importorskip("s3fs")
from neardup.cli.main import main
from neardup.scale import storage as module
from neardup.scale.sources import Unit, spooled


@pytest.fixture(scope="module")
def bucket(storage, album, tmp_path_factory):
    """The album as objects, below ``photos``, in an archive and in a Parquet file."""
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    here = tmp_path_factory.mktemp("containers")
    storage.client.create_bucket(Bucket="album")
    images = []
    with tarfile.open(here / "all.tar", "w") as tar:
        for path in list_files(album):
            name = path.relative_to(album).as_posix()
            storage.client.upload_file(str(path), "album", f"photos/{name}")
            tar.add(path, name)
            images.append({"bytes": path.read_bytes(), "path": name})
    parquet.write_table(arrow.table({"image": images}), here / "all.parquet")
    for path in here.iterdir():
        storage.client.upload_file(str(path), "album", path.name)
    return "s3://album"


def secrets_in(*folders):
    files = [f for folder in folders for f in Path(folder).rglob("*") if f.is_file()]
    return [str(f) for f in files if b"secret-of-the-test" in f.read_bytes()]


def test_a_storage_that_fails_gives_what_the_plain_scan_gives(
    ray, storage, bucket, plain, toy_bundle, tmp_path, capfd
):
    storage.failing = True
    storage.broken = {"/album/photos/5.png"}
    try:
        found = scanned(toy_bundle, tmp_path, f"{bucket}/photos", "--engine", "ray")
    finally:
        storage.failing, storage.broken = False, set()
    assert {"500", "503", "cut short", "slow"} <= set(storage.seen)
    assert "s3://album/photos/half.jpg,truncated" in (tmp_path / "skipped.csv").read_text()
    assert found.counts["seen"] == plain.counts["seen"]
    given_up = {*found.skipped} - {*plain.skipped}
    assert given_up == {("5.png", "the storage failed 5 times (OSError)")}

    again = scanned(toy_bundle, tmp_path, f"{bucket}/photos", "--engine", "ray", "--resume")
    assert again.told_apart == plain.told_apart
    assert len(page_of(tmp_path)["thumbnails"]) == len(set().union(*again.contents))
    logs = Path(ray._private.worker._global_node.get_logs_dir_path())
    assert secrets_in(tmp_path, logs) == []
    assert "secret-of-the-test" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("source", ["all.tar", "*.parquet#image"])
def test_containers_in_a_storage_and_a_report_written_there(
    ray, storage, bucket, plain, toy_bundle, tmp_path, capsys, source
):
    storage.failing = True
    report = f"{bucket}/report of {source[-5:]}"
    command = ["scan", f"{bucket}/{source}", "--engine", "ray", "--out", report]
    try:
        code = main([*command, "--bundle", str(toy_bundle)])
    finally:
        storage.failing = False
    assert f"look at {report}/report.html" in capsys.readouterr().out
    for name in ("report.html", "groups.json", "pairs.csv", "skipped.csv", "blank.csv"):
        bucket_name, key = f"{report}/{name}".removeprefix("s3://").split("/", 1)
        storage.client.download_file(bucket_name, key, tmp_path / name)
    found = read(tmp_path, code)
    assert found.told_apart == plain.told_apart
    page = page_of(tmp_path)
    assert page["page"] == f"{report}/report.html"
    assert len(page["thumbnails"]) == len(set().union(*found.contents))


def test_a_password_in_an_address_is_refused_and_not_repeated(capsys):
    code = main(["scan", "ftp://me:hidden@host/photos", "--engine", "ray"])
    said = capsys.readouterr()
    assert code == 2
    assert "hidden" not in said.out + said.err
    assert "environment" in said.err


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
def test_a_storage_is_asked_again_after_longer_and_longer_pauses(
    tmp_path, monkeypatch, failures, reason
):
    storage = FlakyStorage(failures)
    pauses = []
    monkeypatch.setattr(module, "system_of", lambda name: (storage, name))
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    lots = spooled(Unit(["s3://bucket/a.jpg"]), tmp_path)
    (local,) = next(lots)
    assert local.reason == reason
    assert (local.path is None) == bool(reason)
    assert pauses == sorted(pauses)
    if not reason:
        assert local.path.read_bytes() == b"12345"
        assert storage.asked == 4
    assert list(lots) == list(tmp_path.iterdir()) == []


def test_nothing_at_an_address_is_an_error(storage, bucket):
    with pytest.raises(NeardupError, match="nothing is there"):
        module.listed(f"{bucket}/nowhere")
