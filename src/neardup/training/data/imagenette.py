"""Imagenette, through torchvision's downloader."""

from pathlib import Path

from neardup.errors import ConfigError

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
