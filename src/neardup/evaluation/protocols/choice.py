"""From the configuration to the dataset of its protocol."""

import json
from pathlib import Path

from neardup.errors import ConfigError, in_words
from neardup.evaluation.config import (
    EvalConfig,
    FolderDataConfig,
    GroupsConfig,
    PairsConfig,
    RetrievalConfig,
    RunDataConfig,
)
from neardup.evaluation.protocols.dataset import Dataset, Pictures
from neardup.evaluation.protocols.groups import groups_dataset
from neardup.evaluation.protocols.pairs import EDIT_SETS, choose, folder_pictures, pairs_dataset
from neardup.evaluation.protocols.retrieval import retrieval_dataset

SPLITS_FILE = "splits.json"


def make_dataset(config: EvalConfig, run_pictures: Pictures | None = None) -> Dataset:
    """The pictures and labels that the configuration asks for.

    Args:
        config: see there; ``data.run`` is filled in.
        run_pictures: the test split of a run whose pictures are not files.

    Raises:
        ConfigError: naming the key or the line of the label file.
    """
    match config.protocol:
        case PairsConfig(edits=edits):
            pictures, where = _pictures(config, run_pictures)
            return pairs_dataset(pictures, EDIT_SETS[edits], where=where, seed=config.seed)
        case GroupsConfig(root=root, groups=groups):
            folder, labels = _path("protocol.root", root), Path(groups).expanduser()
            return groups_dataset(folder, labels if labels.is_file() else folder / labels)
        case RetrievalConfig(queries=queries, references=references, ground_truth=truth):
            return retrieval_dataset(
                _path("protocol.queries", queries),
                _path("protocol.references", references),
                _path("protocol.ground_truth", truth),
            )
    raise TypeError(f"no dataset for {type(config.protocol).__name__}")


def _pictures(config: EvalConfig, run_pictures: Pictures | None) -> tuple[Pictures, str]:
    """What copies are made of, and where it is from in words."""
    match config.data:
        case FolderDataConfig(root=root, max_images=most, side=side):
            folder = _path("data.root", root)
            found = folder_pictures(folder, max_images=most, side=side, seed=config.seed)
            return found, folder.resolve().name
        case RunDataConfig(run=run, max_images=most, side=side):
            if run_pictures is not None:
                return run_pictures, "the run's own test split (procedural)"
            origin, names = read_splits(Path(run))
            found = choose(origin, names, max_images=most, side=side, seed=config.seed)
            return found, f"the run's own test split of {origin.name}"
    raise TypeError(f"no pictures for {type(config.data).__name__}")


def read_splits(run: Path) -> tuple[Path, list[str]]:
    """The folder and the test files that a training run wrote down.

    Raises:
        ConfigError: there is no such record; says what else to do.
    """
    path = run / SPLITS_FILE
    try:
        record = json.loads(path.read_text())
        root, names = Path(record["root"]), list(record["test"])
    except OSError:
        raise ConfigError(
            f"data.run: {run} is not the folder of a training run (it holds no {SPLITS_FILE}); "
            "evaluate on other pictures with data=folder data.root=PHOTOS"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is damaged: {in_words(error)}") from error
    if not root.is_dir():
        raise ConfigError(f"data.run: the pictures of {run} are no longer in {root}")
    return root, names


def _path(key: str, value: str) -> Path:
    if not value:
        raise ConfigError(f"{key}: no value given; add {key}=...")
    return Path(value).expanduser()
