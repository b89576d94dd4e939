"""Scanning a folder: everything is listed once, as an image or with a reason."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from folders import fill
from PIL import Image

from neardup.errors import ImageError, NeardupError
from neardup.procedural import generate
from neardup.training.data import manifest as manifest_module
from neardup.training.data.manifest import Manifest, scan_folder


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def scan(root: Path, cache_dir: Path, workers: int = 1) -> Manifest:
    return scan_folder(root, cache_dir, workers=workers, show=False)


def test_figures_of_an_entry(tmp_path: Path, cache_dir: Path) -> None:
    root = tmp_path / "in"
    (root / "a" / "b").mkdir(parents=True)
    image = Image.fromarray(generate(0, 0, 64)).resize((200, 100))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    image.save(root / "a" / "b" / "picture.of.nothing", "JPEG", exif=exif)
    (entry,) = scan(root, cache_dir).entries
    assert entry.path == "a/b/picture.of.nothing"
    assert (entry.width, entry.height) == (100, 200)
    assert entry.bytes == (root / entry.path).stat().st_size
    assert len(entry.content_hash) == 64
    assert 0 <= entry.dhash < 2**64
    assert entry.contrast > 5


def test_unreadable_files_are_listed_and_never_fatal(tmp_path: Path, cache_dir: Path) -> None:
    root = tmp_path / "in"
    paths = fill(root, 3)
    (root / "text.jpg").write_text("this is no picture")
    (root / "empty.png").write_bytes(b"")
    (root / "cut.png").write_bytes(paths[0].read_bytes()[:600])
    (root / "broken_link.png").symlink_to(root / "nowhere")
    os.mkfifo(root / "pipe.png")
    (root / "loop").symlink_to(root)
    manifest = scan(root, cache_dir)
    assert [e.path for e in manifest.entries] == ["000.png", "001.png", "002.png"]
    reasons = {s.path: s.reason for s in manifest.skipped}
    assert set(reasons) == {"text.jpg", "empty.png", "cut.png", "broken_link.png", "pipe.png"}
    assert all(reasons.values())
    assert "truncated" in reasons["cut.png"]


def test_second_scan_reads_nothing(
    tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "in"
    fill(root, 4)
    first = scan(root, cache_dir)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr(manifest_module, "read_image", refuse)
    monkeypatch.setattr(manifest_module, "check_header", refuse)
    assert scan_folder(root, cache_dir, workers=1, show=False, on_read=refuse) == first


def test_changed_added_and_removed_files_are_noticed(tmp_path: Path, cache_dir: Path) -> None:
    root = tmp_path / "in"
    paths = fill(root, 4)
    before = {e.path: e.content_hash for e in scan(root, cache_dir).entries}
    paths[0].unlink()
    fill(root, 1, first=8)
    shutil.copy(root / "008.png", paths[1])
    after = {e.path: e.content_hash for e in scan(root, cache_dir).entries}
    assert set(after) == {"001.png", "002.png", "003.png", "008.png"}
    assert after["001.png"] == after["008.png"] != before["001.png"]
    assert after["002.png"] == before["002.png"]


def test_a_file_that_was_repaired_is_read_again(tmp_path: Path, cache_dir: Path) -> None:
    root = tmp_path / "in"
    (path,) = fill(root, 1)
    good = path.read_bytes()
    path.write_bytes(good[:600])
    assert not scan(root, cache_dir).entries
    path.write_bytes(good)
    assert len(scan(root, cache_dir).entries) == 1


@pytest.mark.parametrize("damage", [b"", b"{", b'{"format": 0, "entries": []}', b"[1, 2]", b"\xff"])
def test_a_damaged_cache_is_built_again(tmp_path: Path, cache_dir: Path, damage: bytes) -> None:
    root = tmp_path / "in"
    fill(root, 3)
    first = scan(root, cache_dir)
    (cache,) = (cache_dir / "manifests").iterdir()
    cache.write_bytes(damage)
    assert scan(root, cache_dir) == first


def test_processes_give_what_one_gives(tmp_path: Path, cache_dir: Path) -> None:
    root = tmp_path / "in"
    fill(root, 70, size=16)
    (root / "bad.png").write_bytes(b"bad")
    assert scan(root, cache_dir, workers=2) == scan(root, tmp_path / "other", workers=1)


def test_a_crashing_decoder_costs_one_file(
    tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "in"
    fill(root, 80, size=16)
    read_image = manifest_module.read_image

    victim = (root / "033.png").read_bytes()

    def crash_on_one(content: bytes, *, min_side: int | None) -> np.ndarray:
        if content == victim:
            os._exit(11)
        return read_image(content, min_side=min_side)

    monkeypatch.setattr(manifest_module, "read_image", crash_on_one)
    manifest = scan(root, cache_dir, workers=2)
    assert len(manifest.entries) == 79
    assert [(s.path, s.reason) for s in manifest.skipped] == [("033.png", "its decoder crashed")]


def test_odd_names(tmp_path: Path, cache_dir: Path) -> None:
    root = tmp_path / "in"
    (path,) = fill(root, 1)
    os.rename(path, os.fsencode(root) + b"/caf\xe9 \n.png")  # not UTF-8
    first = scan(root, cache_dir)
    assert len(first.entries) == 1
    assert scan(root, cache_dir) == first


def test_a_missing_folder_and_an_unwritable_cache_say_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such folder"):
        scan(tmp_path / "nowhere", tmp_path / "cache")
    fill(tmp_path / "in", 1)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NeardupError, match="cache_dir"):
        scan(tmp_path / "in", tmp_path / "file")
