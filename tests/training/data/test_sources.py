"""The splits of a run: each image is read once, and none before it is asked for."""

import builtins
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from folders import fill

from neardup.procedural import generate
from neardup.training.config import FolderConfig, MixedConfig
from neardup.training.data import images as images_module
from neardup.training.data.images import read_reduced
from neardup.training.data.sources import EVALUATION_SIDE, load_sources


@pytest.fixture
def config(tmp_path: Path) -> FolderConfig:
    fill(tmp_path / "in", 40, size=48)
    return FolderConfig(
        root=str(tmp_path / "in"), cache_dir=str(tmp_path / "cache"), image_size=32,
        val_fraction=0.2, test_fraction=0.2,
    )  # fmt: skip


@pytest.fixture
def reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file of the folder is opened."""
    counted: Counter[str] = Counter()

    def counting(path: object, *args: object, **options: object) -> object:
        if isinstance(path, Path | str) and Path(path).parent == tmp_path / "in":
            counted[Path(path).name] += 1
        return real(path, *args, **options)

    real = io.open
    monkeypatch.setattr(io, "open", counting)  # what Path.open calls
    monkeypatch.setattr(builtins, "open", counting)
    return counted


def test_a_training_image_is_read_once(
    config: FolderConfig, reads: Counter[str], tmp_path: Path
) -> None:
    sources = load_sources(config, max_zoom=1.25, run_dir=tmp_path, show=False)
    sources.decode("train")
    assert set(reads.values()) == {1}
    assert len(reads) == 40
    for image, origin in zip(sources.train, sources.origins["train"], strict=True):
        np.testing.assert_array_equal(image, read_reduced(Path(origin.path), 40))


def test_nothing_is_decoded_for_a_split_that_nobody_asks_for(
    config: FolderConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []

    def spy(source: object, short_side: int) -> np.ndarray:
        decoded.append(short_side)
        return read_reduced(source, short_side)

    monkeypatch.setattr(images_module, "read_reduced", spy)
    sources = load_sources(config, show=False)
    assert decoded == []
    sources.decode("val")
    assert decoded == [EVALUATION_SIDE] * len(sources.val)
    assert (
        sources.record["train"] == len(sources.train) == 40 - len(sources.val) - len(sources.test)
    )


@pytest.mark.parametrize("cache", ["disk", "ram", "off"])
def test_procedural_images_follow_those_of_the_folder(tmp_path: Path, cache: str) -> None:
    fill(tmp_path / "in", 40, size=48)
    config = MixedConfig(
        root=str(tmp_path / "in"), cache_dir=str(tmp_path / "cache"), image_size=32, cache=cache,
        val_fraction=0.2, test_fraction=0.2, num_images=3,
    )  # fmt: skip
    sources = load_sources(config, show=False)
    assert len(sources.train) == sources.record["train"]
    assert sources.record["procedural"] == 3
    for index in range(3):
        np.testing.assert_array_equal(sources.train[index - 3], generate(0, index, 32))
    for image, origin in zip(sources.train, sources.origins["train"], strict=True):
        np.testing.assert_array_equal(image, origin.make())
