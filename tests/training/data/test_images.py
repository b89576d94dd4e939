"""Small source images: the same from disk, memory or file, whatever happens meanwhile."""

import multiprocessing
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from folders import fill
from PIL import Image

from neardup.errors import NeardupError
from neardup.procedural import generate
from neardup.training.data.images import (
    FileImage,
    Images,
    Origin,
    ProceduralImage,
    prepare,
    read_reduced,
)
from neardup.training.data.manifest import scan_folder


def images_of(root: Path, tmp_path: Path, short_side: int = 32) -> list[Origin]:
    entries = scan_folder(root, tmp_path / "cache", workers=1, show=False).entries
    return [FileImage(str(root / entry.path), entry.content_hash, short_side) for entry in entries]


def drawn(seed: int, count: int, short_side: int) -> list[Origin]:
    return [ProceduralImage(seed, index, short_side) for index in range(count)]


def build(origins: list[Origin], tmp_path: Path, cache: str = "disk") -> Images:
    return prepare(origins, cache, tmp_path / "images", workers=1, show=False)


def kept(tmp_path: Path) -> dict[Path, int]:
    """The files of the cache, and when each was written."""
    files = (tmp_path / "images").rglob("*.npy")
    return {path: path.stat().st_mtime_ns for path in files if not path.name.startswith(".")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "in", 6, size=48)
    fill(tmp_path / "in", 2, first=6, size=20)
    return tmp_path / "in"


@pytest.mark.parametrize("cache", ["disk", "ram", "off"])
def test_every_cache_gives_the_same_images(folder: Path, tmp_path: Path, cache: str) -> None:
    images = build(images_of(folder, tmp_path), tmp_path, cache)
    assert len(images) == 8
    for index, path in enumerate(sorted(folder.iterdir())):
        image = images[index]
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image, read_reduced(np.asarray(Image.open(path)), 32))
        assert min(image.shape[:2]) == min(32, min(Image.open(path).size)), "never enlarged"
    with pytest.raises(IndexError):
        images[8]


@pytest.mark.parametrize("cache", ["disk", "ram", "off"])
def test_procedural_images_through_every_cache(tmp_path: Path, cache: str) -> None:
    images = build(drawn(5, 4, 24), tmp_path, cache)
    assert len(images) == 4
    for index in range(4):
        np.testing.assert_array_equal(images[index], generate(5, index, 24))
    with pytest.raises(IndexError):
        images[4]


def test_large_jpeg_is_decoded_small_with_its_aspect(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(generate(0, 0, 600)).resize((1200, 800)).save(tmp_path / "in" / "a.jpg")
    assert images_of(tmp_path / "in", tmp_path, short_side=64)[0].make().shape == (64, 96, 3)


def test_what_is_cached_is_not_made_again(folder: Path, tmp_path: Path) -> None:
    build(images_of(folder, tmp_path), tmp_path)
    before = kept(tmp_path)
    assert len(before) == 8
    fill(folder, 2, first=20)
    build(images_of(folder, tmp_path), tmp_path)
    after = kept(tmp_path)
    assert len(after) == 10
    assert before.items() <= after.items(), "only what is new"


def test_other_content_or_size_is_another_image(folder: Path, tmp_path: Path) -> None:
    build(images_of(folder, tmp_path), tmp_path)
    build(images_of(folder, tmp_path, short_side=16), tmp_path)
    assert len(kept(tmp_path)) == 16
    Image.fromarray(generate(1, 1, 48)).save(folder / "000.png")
    changed = build(images_of(folder, tmp_path), tmp_path)
    np.testing.assert_array_equal(changed[0], read_reduced(generate(1, 1, 48), 32))
    assert len(kept(tmp_path)) == 17
    keys = {ProceduralImage(seed, 0, side).key() for seed in (0, 1) for side in (24, 25)}
    assert len(keys) == 4


@pytest.mark.parametrize("damage", ["cut", "emptied", "removed"])
def test_a_damaged_file_of_the_cache_is_made_again(
    folder: Path, tmp_path: Path, damage: str
) -> None:
    images = build(images_of(folder, tmp_path), tmp_path)
    wanted = [image.copy() for image in images]
    for path in kept(tmp_path):
        content = path.read_bytes()
        path.unlink()
        if damage != "removed":
            path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    for found, image in zip(images, wanted, strict=True):
        np.testing.assert_array_equal(found, image)
    assert all(np.load(path).ndim == 3 for path in kept(tmp_path))


def test_killed_in_the_middle_leaves_nothing_half_read(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from neardup.training.data.images import ProceduralImage, prepare\n"
        "drawn = [ProceduralImage(0, index, 16) for index in range(3000)]\n"
        f"prepare(drawn, 'disk', Path({str(tmp_path / 'images')!r}), workers=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while len(kept(tmp_path)) < 20:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = kept(tmp_path)
    for path in done:
        np.testing.assert_array_equal(np.load(path), generate(0, int(path.stem), 16))
    build(drawn(0, 30, 16), tmp_path)
    assert done.items() <= kept(tmp_path).items()


def _sum(images: Sequence[np.ndarray], queue: multiprocessing.Queue) -> None:
    queue.put(sum(int(images[index].sum()) for index in range(len(images))))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("cache", ["disk", "ram"])
def test_a_worker_process_reads_the_same(tmp_path: Path, method: str, cache: str) -> None:
    images = build(drawn(0, 5, 16), tmp_path, cache)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_sum, args=(images, queue))
    process.start()
    assert queue.get(timeout=60) == sum(int(images[index].sum()) for index in range(5))
    process.join()


@pytest.mark.parametrize("cache", ["disk", "ram"])
def test_several_processes_give_what_one_gives(tmp_path: Path, cache: str) -> None:
    images = prepare(drawn(0, 70, 16), cache, tmp_path, workers=2, show=False)
    for index in range(70):
        np.testing.assert_array_equal(images[index], generate(0, index, 16))


def test_two_that_want_the_same_images_at_once(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from neardup.training.data.images import ProceduralImage, prepare\n"
        "drawn = [ProceduralImage(0, index, 16) for index in range(150)]\n"
        f"s = prepare(drawn, 'disk', Path({str(tmp_path)!r}), workers=1)\n"
        "print(len(s), sum(int(s[i].sum()) for i in range(len(s))))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert outputs[0] == outputs[1] != b""


@pytest.mark.parametrize("cache", ["disk", "ram"])
def test_a_file_that_went_bad_after_the_scan_is_named(
    folder: Path, tmp_path: Path, cache: str
) -> None:
    origins = images_of(folder, tmp_path)
    (folder / "002.png").write_bytes(b"gone bad")
    with pytest.raises(NeardupError, match=r"002\.png"):
        build(origins, tmp_path, cache)


def test_an_unwritable_cache_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "images").write_text("in the way")
    with pytest.raises(NeardupError, match="cache_dir"):
        build(images_of(folder, tmp_path), tmp_path)


def test_an_unknown_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="disk, ram or off"):
        build(drawn(0, 1, 16), tmp_path, "tape")
