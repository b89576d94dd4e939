"""The source images of a run, in three splits: what the configuration says, as sequences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from neardup.errors import ConfigError
from neardup.training.config import (
    DataConfig,
    FolderConfig,
    ImagenetteConfig,
    MixedConfig,
    ProceduralConfig,
)
from neardup.training.data.manifest import scan_folder
from neardup.training.data.near_copies import near_copy_groups
from neardup.training.data.pictures import (
    ChainedPictures,
    FolderPictures,
    Pictures,
    ProceduralPictures,
)
from neardup.training.data.splits import split, write_splits
from neardup.training.data.store import cached

Images = Sequence[NDArray[np.uint8]]

EVALUATION_SIDE = 256
"""Shorter side, in pixels, at which validation and test images are kept: near that of real files,
so that noise and compression are as strong as they would be on those."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Source images; no source, and no near copy of one, is in two splits.

    Attributes:
        train, val, test: each item (H, W, 3) uint8 RGB, sizes vary.
        name: what they are, in words for the record.
        record: counts for ``summary.json``.
    """

    train: Images
    val: Images
    test: Images
    name: str
    record: dict[str, Any]


def load_sources(
    config: DataConfig,
    *,
    max_zoom: float = 1.5,
    view_size: int | None = None,
    run_dir: Path | None = None,
    show: bool = True,
) -> Sources:
    """Find, split and decode the images.

    Args:
        config: which images.
        max_zoom: training images are kept large enough to be zoomed by this.
        view_size: side of the views that are made of them, pixels; None is ``image_size``.
        run_dir: where ``splits.json`` goes; None writes none.
        show: show progress.

    Raises:
        NeardupError: naming the key or file and what to do.
    """
    side = {
        "train": math.ceil((view_size or config.image_size) * max_zoom),
        "val": EVALUATION_SIDE,
        "test": EVALUATION_SIDE,
    }
    match config:
        case ProceduralConfig():
            pictures, name, record = _procedural(config, side)
        case ImagenetteConfig():
            found = replace(config, root=str(fetch_imagenette(Path(config.root).expanduser())))
            pictures, name, record = _folder(found, side, run_dir, show)
        case MixedConfig():
            pictures, name, record = _mixed(config, side, run_dir, show)
        case FolderConfig():
            pictures, name, record = _folder(config, side, run_dir, show)
        case _:
            raise TypeError(f"no images for {type(config).__name__}")
    train, val, test = (
        cast(Images, cached(pictures[part], config.cache, config.cache_dir, show_progress=show))
        for part in ("train", "val", "test")
    )
    record |= {"train": len(train), "val": len(val), "test": len(test)}
    return Sources(train, val, test, name, record)


_Found = tuple[dict[str, Pictures], str, dict[str, Any]]


def _procedural(config: ProceduralConfig, side: dict[str, int]) -> _Found:
    """Validation and test come from other generator seeds than any training run uses."""
    counts = {
        "train": config.num_images,
        "val": config.max_test_images,
        "test": config.max_test_images,
    }
    seeds = {"train": config.generator_seed, "val": 2**31, "test": 2**31 + 1}
    pictures: dict[str, Pictures] = {
        part: ProceduralPictures(seeds[part], count, side[part]) for part, count in counts.items()
    }
    return pictures, "procedural pictures", {}


def _mixed(config: MixedConfig, side: dict[str, int], run_dir: Path | None, show: bool) -> _Found:
    """Trained on both; validation and test are the folder's, for they are what counts."""
    pictures, name, record = _folder(config, side, run_dir, show)
    drawn = ProceduralPictures(config.generator_seed, config.num_images, side["train"])
    pictures["train"] = ChainedPictures((pictures["train"], drawn))
    return pictures, name, record | {"procedural": len(drawn)}


def _folder(config: FolderConfig, side: dict[str, int], run_dir: Path | None, show: bool) -> _Found:
    root = Path(config.root).expanduser()
    if not root.is_dir():
        raise ConfigError(f"data.root={config.root}: no such folder; name a folder of images")
    manifest = scan_folder(root, config.cache_dir, show_progress=show)
    groups = near_copy_groups(manifest, radius=config.near_copy_radius)
    splits = split(manifest, groups, val=config.val_fraction, test=config.test_fraction)
    if run_dir is not None:
        write_splits(run_dir / "splits.json", manifest, splits)
    chosen = {
        "train": splits.train,
        "val": splits.val[: config.max_test_images],
        "test": splits.test[: config.max_test_images],
    }
    pictures: dict[str, Pictures] = {
        part: FolderPictures.of(manifest, indices, short_side=side[part])
        for part, indices in chosen.items()
    }
    record = {
        "root": str(root.resolve()),
        "files": len(manifest.entries) + len(manifest.skipped),
        "skipped": len(manifest.skipped) + len(splits.blank),
        "near_copies_left_out": len(splits.near_copies),
    }
    return pictures, f"the images in {root.name}", record


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
