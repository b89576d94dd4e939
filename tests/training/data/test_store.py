"""Small decoded images, packed: the same from disk, memory or file, whatever happens meanwhile."""

import multiprocessing
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import fill
from PIL import Image

from neardup.errors import NeardupError
from neardup.procedural import generate
from neardup.training.data.manifest import scan_folder
from neardup.training.data.pictures import FolderPictures, Pictures, ProceduralPictures, reduce_to
from neardup.training.data.store import ImageStore, cached


def pictures_of(root: Path, tmp_path: Path, short_side: int = 32) -> FolderPictures:
    manifest = scan_folder(root, tmp_path / "cache", workers=1, show_progress=False)
    return FolderPictures.of(manifest, np.arange(len(manifest.entries)), short_side=short_side)


def build(pictures: Pictures, tmp_path: Path, cache: str = "disk") -> Any:
    return cached(pictures, cache, tmp_path / "cache", workers=1, show_progress=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "in", 6, size=48)
    fill(tmp_path / "in", 2, first=6, size=20)
    return tmp_path / "in"


@pytest.mark.parametrize("cache", ["disk", "ram", "off"])
def test_every_cache_gives_the_same_images(folder: Path, tmp_path: Path, cache: str) -> None:
    pictures = pictures_of(folder, tmp_path)
    store = build(pictures, tmp_path, cache)
    assert len(store) == 8
    for index, path in enumerate(sorted(folder.iterdir())):
        image = store[index]
        assert image.dtype == np.uint8
        expected = reduce_to(np.asarray(Image.open(path)), 32)
        np.testing.assert_array_equal(image, expected)
        assert min(image.shape[:2]) == min(32, min(Image.open(path).size)), "never enlarged"
    with pytest.raises(IndexError):
        store[8]


@pytest.mark.parametrize("cache", ["disk", "ram", "off"])
def test_procedural_pictures_through_every_cache(tmp_path: Path, cache: str) -> None:
    store = build(ProceduralPictures(5, 4, 24, first=10), tmp_path, cache)
    assert len(store) == 4
    for index in range(4):
        np.testing.assert_array_equal(store[index], generate(5, 10 + index, 24))


def test_large_jpeg_is_decoded_small_with_its_aspect(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(generate(0, 0, 600)).resize((1200, 800)).save(tmp_path / "in" / "a.jpg")
    pictures = pictures_of(tmp_path / "in", tmp_path, short_side=64)
    assert pictures[0].shape == (64, 96, 3)


def test_a_store_is_found_again_and_not_built_again(folder: Path, tmp_path: Path) -> None:
    pictures = pictures_of(folder, tmp_path)
    first = build(pictures, tmp_path)
    made = (first.folder / "pixels.bin").stat().st_mtime_ns
    again = build(pictures, tmp_path)
    assert again.folder == first.folder
    assert (again.folder / "pixels.bin").stat().st_mtime_ns == made


def test_other_content_or_size_is_another_store(folder: Path, tmp_path: Path) -> None:
    first = build(pictures_of(folder, tmp_path), tmp_path)
    smaller = build(pictures_of(folder, tmp_path, short_side=16), tmp_path)
    Image.fromarray(generate(1, 1, 48)).save(folder / "000.png")
    changed = build(pictures_of(folder, tmp_path), tmp_path)
    assert len({first.folder, smaller.folder, changed.folder}) == 3
    np.testing.assert_array_equal(changed[0], reduce_to(generate(1, 1, 48), 32))
    assert ProceduralPictures(0, 4, 24).key() != ProceduralPictures(1, 4, 24).key()


@pytest.mark.parametrize("name", ["pixels.bin", "index.npy"])
def test_a_cut_off_store_is_built_again(folder: Path, tmp_path: Path, name: str) -> None:
    pictures = pictures_of(folder, tmp_path)
    store = build(pictures, tmp_path)
    wanted = store[7].copy()
    content = (store.folder / name).read_bytes()
    (store.folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(NeardupError, match="not a usable image cache"):
        ImageStore.open(store.folder)
    np.testing.assert_array_equal(build(pictures, tmp_path)[7], wanted)


def test_killed_in_the_middle_leaves_nothing_half_read(tmp_path: Path) -> None:
    code = (
        "from neardup.training.data.pictures import ProceduralPictures\n"
        "from neardup.training.data.store import cached\n"
        f"cached(ProceduralPictures(0, 3000, 16), 'disk', {str(tmp_path / 'cache')!r}, workers=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    images = tmp_path / "cache" / "images"
    deadline = time.monotonic() + 30
    while not any(p.stat().st_size for p in images.glob("*.draft/pixels.bin")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not [p for p in images.iterdir() if p.is_dir() and p.suffix != ".draft"]
    (draft,) = images.glob("*.draft")
    pictures = ProceduralPictures(0, 3000, 16)
    # The same key again, but with little to make: what was left behind is not taken up.
    few = _Renamed(ProceduralPictures(0, 20, 16), pictures.key())
    store = build(few, tmp_path)
    assert store.folder.name == draft.stem
    assert len(store) == 20
    np.testing.assert_array_equal(store[19], generate(0, 19, 16))
    assert not list(images.glob("*.draft"))


class _Renamed:
    """Pictures that claim another key."""

    def __init__(self, pictures: ProceduralPictures, key: str) -> None:
        self.pictures, self._key = pictures, key

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.pictures[index]

    def key(self) -> str:
        return self._key

    def name(self, index: int) -> str:
        return self.pictures.name(index)


def _sum(store: ImageStore, queue: multiprocessing.Queue) -> None:
    queue.put(sum(int(store[index].sum()) for index in range(len(store))))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("cache", ["disk", "ram"])
def test_a_worker_process_reads_the_same(tmp_path: Path, method: str, cache: str) -> None:
    store = build(ProceduralPictures(0, 5, 16), tmp_path, cache)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_sum, args=(store, queue))
    process.start()
    assert queue.get(timeout=60) == sum(int(store[index].sum()) for index in range(5))
    process.join()


def test_a_store_on_disk_is_sent_as_its_name_only(tmp_path: Path) -> None:
    store = build(ProceduralPictures(0, 5, 64), tmp_path)
    message = pickle.dumps(store)
    assert len(message) < 500
    np.testing.assert_array_equal(pickle.loads(message)[4], store[4])


def test_several_processes_give_what_one_gives(tmp_path: Path) -> None:
    pictures = ProceduralPictures(0, 70, 16)
    store = cached(pictures, "ram", tmp_path, workers=2, show_progress=False)
    for index in range(70):
        np.testing.assert_array_equal(store[index], generate(0, index, 16))


def test_two_that_want_the_same_store_at_once(tmp_path: Path) -> None:
    code = (
        "from neardup.training.data.pictures import ProceduralPictures\n"
        "from neardup.training.data.store import cached\n"
        f"s = cached(ProceduralPictures(0, 150, 16), 'disk', {str(tmp_path)!r}, workers=1)\n"
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


def test_a_file_that_went_bad_after_the_scan_is_named(folder: Path, tmp_path: Path) -> None:
    pictures = pictures_of(folder, tmp_path)
    (folder / "002.png").write_bytes(b"gone bad")
    with pytest.raises(NeardupError, match=r"002\.png"):
        build(pictures, tmp_path)
    assert not [p for p in (tmp_path / "cache" / "images").iterdir() if p.is_dir()]


def test_an_unwritable_cache_says_so(folder: Path, tmp_path: Path) -> None:
    pictures = pictures_of(folder, tmp_path)
    (tmp_path / "cache" / "images").write_text("in the way")
    with pytest.raises(NeardupError, match="cache_dir"):
        build(pictures, tmp_path)


def test_an_unknown_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="disk, ram or off"):
        build(ProceduralPictures(0, 1, 16), tmp_path, "tape")
