"""Every key of ``eval.py``: meaning, unit, range and default. Values live in ``configs/``."""

from dataclasses import dataclass, field

from neardup.config import check, register, setting
from neardup.errors import ConfigError

HASHES = ("phash", "dhash", "pdq")
BASELINES = (*HASHES, "untrained")


@dataclass(slots=True, kw_only=True)
class ProtocolConfig:
    """What is compared with what."""


@dataclass(slots=True, kw_only=True)
class PairsConfig(ProtocolConfig):
    """Synthetic copies of the pictures that ``data`` names."""

    edits: str = setting(
        "all",
        "which transformations are made",
        choices=("mission", "strong", "all", "hard", "everything"),
    )


@dataclass(slots=True, kw_only=True)
class GroupsConfig(ProtocolConfig):
    """Real copies, listed in a CSV file."""

    root: str = setting("", "folder that holds the pictures")
    groups: str = setting(
        "groups.csv", "CSV with columns path,group[,ignore][,class]; looked for in root too"
    )


@dataclass(slots=True, kw_only=True)
class RetrievalConfig(ProtocolConfig):
    """Queries against references, in the style of DISC21 and Copydays."""

    queries: str = setting("", "folder of queries")
    references: str = setting("", "folder of references")
    ground_truth: str = setting("", "CSV with columns query,reference[,ignore]")


@dataclass(slots=True, kw_only=True)
class EvalDataConfig:
    """Where ``protocol=pairs`` takes its pictures from."""

    max_images: int = setting(300, "pictures drawn, at most", low=4)
    side: int = setting(
        256, "pictures are shrunk to a shorter side of at most this", unit="pixels", low=16
    )


@dataclass(slots=True, kw_only=True)
class RunDataConfig(EvalDataConfig):
    """The test split of the training run that the bundle came from."""

    run: str = setting("", "run folder; empty: the one that holds the bundle")


@dataclass(slots=True, kw_only=True)
class FolderDataConfig(EvalDataConfig):
    """Any folder of pictures, searched recursively; assumed to hold no copies."""

    root: str = setting("", "the folder")


@dataclass(slots=True, kw_only=True)
class EvalConfig:
    """One evaluation."""

    bundle: str = setting("outputs/latest/bundle", "folder of the trained encoder")
    ckpt: str | None = setting(None, "a training checkpoint, in place of a bundle")
    out: str = setting("report", "folder for the results; created, older results replaced")
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    data: EvalDataConfig = field(default_factory=EvalDataConfig)
    baselines: list[str] = field(default_factory=list)
    threshold: str | None = setting(
        None, "judge this distance or operating point of the bundle instead of choosing one"
    )
    target_precision: float = setting(
        0.999, "precision that the threshold is chosen for", low=0.01, high=1.0
    )
    collection_size: float = setting(
        1e6, "pictures in the collection that false pairs are predicted for", low=2, high=1e12
    )
    false_pairs_per_image: float = setting(
        0.001, "false pairs that the collection's threshold may give, per picture", low=1e-9
    )
    verify: bool = setting(
        False, "also judge the second look by local features, as one more method"
    )
    halves: bool = setting(True, "choose on one half of the sources, measure on the other")
    bootstrap: int = setting(200, "redraws of the sources behind the error bars", low=0, high=10000)
    robustness_images: int = setting(
        50, "pictures behind the robustness map; 0 leaves it out", low=0
    )
    gallery: int = setting(12, "worst misses and worst false alarms shown", low=0, high=200)
    sweep_rows: int = setting(
        20_000,
        "thresholds in sweep.csv: first those where recall changes, then others; 0: all there are",
        low=0,
    )
    scores: bool = setting(False, "also write scores.parquet: every duplicate, closest negatives")
    write_thresholds: bool = setting(
        False, "store the operating points, with verify also the probabilities, in the bundle"
    )
    batch_size: int = setting(32, "pictures encoded at once", low=1, high=4096)
    threads: int = setting(0, "cores for the encoder; 0: all", low=0, high=1024)
    seed: int = setting(0, "of edits, halves and redraws", low=0)
    logger: str = setting("none", "where figures go besides the folder", choices=("none", "wandb"))

    def __post_init__(self) -> None:
        """Check ranges and choices.

        Raises:
            ConfigError: naming the key.
        """
        check(self)
        for name in self.baselines:
            if name not in BASELINES:
                raise ConfigError(f"baselines: {name!r} is not one of {', '.join(BASELINES)}")
            if self.baselines.count(name) > 1:
                raise ConfigError(f"baselines: {name!r} stands there twice; name it once")


def register_schemas() -> None:
    """Let ``configs/evaluation`` name these classes."""
    register("schema", EvalConfig)
    register("schema_pairs", PairsConfig, group="protocol")
    register("schema_groups", GroupsConfig, group="protocol")
    register("schema_retrieval", RetrievalConfig, group="protocol")
    register("schema_run", RunDataConfig, group="data")
    register("schema_folder", FolderDataConfig, group="data")
