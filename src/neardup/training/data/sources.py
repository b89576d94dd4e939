"""The source images of a run, in three splits: what the configuration says, as sequences."""

import math
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from neardup.errors import ConfigError
from neardup.training.config import (
    DataConfig,
    FolderConfig,
    ImagenetteConfig,
    MixedConfig,
    ProceduralConfig,
)
from neardup.training.data.images import (
    FileImage,
    Images,
    Origin,
    ProceduralImage,
    prepare,
    read_reduced,
    save_image,
)
from neardup.training.data.manifest import scan_folder
from neardup.training.data.splits import near_copy_groups, split, split_of, write_splits

EVALUATION_SIDE = 256
"""Shorter side, in pixels, at which validation and test images are kept: near that of real files,
so that noise and compression are as strong as they would be on those."""


@dataclass(frozen=True)
class Sources:
    """Source images; no source, and no near copy of one, is in two splits.

    The images of a split, each (H, W, 3) uint8 RGB of its own size, are decoded when they are first
    asked for.

    Attributes:
        config: where they come from and are cached.
        origins: what the splits "train", "val" and "test" are made of.
        name: what they are, in words for the record.
        record: counts for ``summary.json``.
        show: show progress.
    """

    config: DataConfig
    origins: dict[str, list[Origin]]
    name: str
    record: dict[str, Any]
    show: bool

    @cached_property
    def train(self) -> Images:
        """What is trained on."""
        return self._prepared("train")

    @cached_property
    def val(self) -> Images:
        """What thresholds are chosen on."""
        return self._prepared("val")

    @cached_property
    def test(self) -> Images:
        """What an encoder is judged on."""
        return self._prepared("test")

    def decode(self, *splits: str) -> None:
        """Decode these now, so that what cannot be read is known before the work begins.

        Raises:
            NeardupError: a file changed since it was scanned, or the disk is full.
        """
        for part in splits:
            getattr(self, part)

    def _prepared(self, part: str) -> Images:
        folder = _image_cache(self.config)
        return prepare(self.origins[part], self.config.cache, folder, show=self.show)


def load_sources(
    config: DataConfig,
    *,
    max_zoom: float = 1.0,
    view_size: int | None = None,
    run_dir: Path | None = None,
    show: bool = True,
) -> Sources:
    """Find and split the images.

    Args:
        config: which images.
        max_zoom: training images are kept large enough to be zoomed by this.
        view_size: side of the views that are made of them, pixels; None is ``image_size``.
        run_dir: of the run that trains on them: ``splits.json`` goes there, and training images
            are decoded while the folder is scanned, so that their files are read once.
        show: show progress.

    Raises:
        NeardupError: naming the key or file and what to do.
    """
    side = math.ceil((view_size or config.image_size) * max_zoom)
    origins: dict[str, list[Origin]]
    if isinstance(config, ImagenetteConfig):
        config = replace(config, root=str(fetch_imagenette(Path(config.root).expanduser())))
    if isinstance(config, FolderConfig):
        origins, record = _folder(config, side, run_dir, show)
        name = f"the images in {Path(config.root).expanduser().name}"
    else:
        assert isinstance(config, ProceduralConfig)
        name, record = "procedural pictures", {}
        count = config.max_test_images  # of collections that no training run draws from
        origins = {
            "train": _procedural(config.generator_seed, config.num_images, side),
            "val": _procedural(2**31, count, EVALUATION_SIDE),
            "test": _procedural(2**31 + 1, count, EVALUATION_SIDE),
        }
    if isinstance(
        config, MixedConfig
    ):  # validation and test are the folder's: they are what counts
        origins["train"] += _procedural(config.generator_seed, config.num_images, side)
        record["procedural"] = config.num_images
    record |= {part: len(origins[part]) for part in origins}
    return Sources(config, origins, name, record, show)


def _procedural(seed: int, count: int, side: int) -> list[Origin]:
    return [ProceduralImage(seed, index, side) for index in range(count)]


def _folder(
    config: FolderConfig, side: int, run_dir: Path | None, show: bool
) -> tuple[dict[str, list[Origin]], dict[str, Any]]:
    """What the splits of a folder are made of, and counts for the record."""
    root = Path(config.root).expanduser()
    if not root.is_dir():
        raise ConfigError(f"data.root={config.root}: no such folder; name a folder of images")
    shares = {"val": config.val_fraction, "test": config.test_fraction}
    keep = None
    if run_dir is not None and config.cache == "disk":
        keep = partial(_keep_if_trained_on, _image_cache(config), side, shares)
    manifest = scan_folder(root, config.cache_dir, on_read=keep, show=show)
    groups = near_copy_groups(manifest, radius=config.near_copy_radius)
    splits = split(manifest, groups, **shares)
    if run_dir is not None:
        write_splits(run_dir / "splits.json", manifest, splits)
    chosen = {
        "train": (splits.train, side),
        "val": (splits.val[: config.max_test_images], EVALUATION_SIDE),
        "test": (splits.test[: config.max_test_images], EVALUATION_SIDE),
    }
    origins: dict[str, list[Origin]] = {part: [] for part in chosen}
    for part, (indices, short_side) in chosen.items():
        for entry in (manifest.entries[i] for i in indices):
            path = os.fspath(root / entry.path)
            origins[part].append(FileImage(path, entry.content_hash, short_side))
    return origins, {
        "root": str(root.resolve()),
        "files": len(manifest.entries) + len(manifest.skipped),
        "skipped": len(manifest.skipped) + len(splits.blank),
        "near_copies_left_out": len(splits.near_copies),
    }


def _image_cache(config: DataConfig) -> Path:
    return Path(config.cache_dir).expanduser() / "images"


def _keep_if_trained_on(
    folder: Path, side: int, shares: dict[str, float], content: bytes, content_hash: str
) -> None:
    """Put a training image that has just been read into the cache; a failure shows up later."""
    path = folder / FileImage("", content_hash, side).key()
    if split_of(content_hash, **shares) == "train" and not path.is_file():
        with suppress(OSError):
            save_image(read_reduced(content, side), path)


_FOLDER = "imagenette2-320"


def fetch_imagenette(root: Path) -> Path:
    """Have Imagenette (320 px) below ``root``, downloading it once.

    Returns:
        The folder of its images.

    Raises:
        ConfigError: it is not there and cannot be fetched.
    """
    if (root / _FOLDER).is_dir():
        return root / _FOLDER
    from torchvision.datasets import Imagenette

    try:
        root.mkdir(parents=True, exist_ok=True)
        Imagenette(root, split="train", size="320px", download=True)
    except (OSError, RuntimeError) as error:  # no network, or a broken archive
        raise ConfigError(
            f"data=imagenette: cannot be downloaded to {root} ({error}); without a network use"
            " data=procedural (needs no files) or data=folder data.root=YOUR_IMAGES"
        ) from error
    return root / _FOLDER
