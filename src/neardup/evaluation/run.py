"""``eval.py`` from the configuration to the report: open, encode, score, choose, write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from neardup.bundle import Bundle, OperatingPoint
from neardup.errors import ConfigError
from neardup.evaluation import second_look
from neardup.evaluation.config import EvalConfig, RunDataConfig
from neardup.evaluation.extrapolation.collection import extrapolate
from neardup.evaluation.measures.metrics import at_threshold
from neardup.evaluation.measures.results import PRECISIONS, choose, score_method
from neardup.evaluation.measures.robustness import read_training, robustness_map, trained_limits
from neardup.evaluation.methods import Method, encoder, perceptual_hash
from neardup.evaluation.protocols.choice import SPLITS_FILE, make_dataset
from neardup.evaluation.protocols.dataset import Dataset, Encoded, Pictures, encode
from neardup.evaluation.protocols.task import Task, split_sources
from neardup.evaluation.report.figures import figures
from neardup.evaluation.report.gallery import gallery
from neardup.evaluation.report.outputs import prepare, summary, write
from neardup.scan.second_look import strict_threshold
from neardup.verify.features import opencv


class Training(Protocol):
    """What an evaluation may need of training, which it does not import.

    ``neardup.training.for_evaluation`` has it, and says what each function does.
    """

    def bundle_of_checkpoint(self, checkpoint: Path, folder: Path) -> Bundle: ...
    def procedural_test_split(self, run: Path, *, most: int) -> Pictures | None: ...
    def untrained(self, bundle: Bundle, folder: Path, *, seed: int) -> Bundle: ...
    def log_to_wandb(self, report: dict[str, Any], folder: Path) -> None: ...


def run(config: EvalConfig, training: Callable[[], Training]) -> None:
    """Do what ``eval.py`` was asked for, and print a summary.

    Args:
        config: see there.
        training: called only where training is needed: a bundle and photos need no torch.

    Raises:
        NeardupError: naming the key or file.
    """
    with TemporaryDirectory() as scratch:
        bundle, run_folder = _open_bundle(config, training, Path(scratch))
        data, drawn = config.data, None
        if isinstance(data, RunDataConfig):
            run_folder = Path(data.run or run_folder)
            data.run = str(run_folder)
        trained = read_training(run_folder)
        is_procedural = trained.get("data", {}).get("name") == "procedural"
        no_files = is_procedural and not (run_folder / SPLITS_FILE).is_file()
        if isinstance(data, RunDataConfig) and no_files:
            drawn = training().procedural_test_split(run_folder, most=data.max_images)
        dataset = make_dataset(config, drawn)
        methods = [encoder("neardup", bundle, threads=config.threads or None)]
        for name in config.baselines:
            if name == "untrained":
                random = training().untrained(bundle, Path(scratch, name), seed=config.seed)
                methods.append(encoder(name, random, threads=config.threads or None))
            else:
                methods.append(perceptual_hash(name))
        trained = trained or bundle.provenance.get("config", {})
        limits = trained_limits(trained["augment"]) if "augment" in trained else None
        report = evaluate(config, dataset, bundle, methods, trained_to=limits)
    print(summary(report))
    if config.logger == "wandb":
        training().log_to_wandb(report, Path(config.out))


def _open_bundle(
    config: EvalConfig, training: Callable[[], Training], scratch: Path
) -> tuple[Bundle, Path]:
    """The bundle, made from ``ckpt`` if that is given, and the run folder it came from."""
    if config.ckpt is None:
        return Bundle.load(config.bundle), Path(config.bundle).resolve().parent
    if config.write_thresholds:
        raise ConfigError("write_thresholds: a checkpoint holds no thresholds; name a bundle=")
    checkpoint = Path(config.ckpt)
    if not checkpoint.is_file():
        raise ConfigError(f"ckpt: {checkpoint} is not a file")
    bundle = training().bundle_of_checkpoint(checkpoint, scratch / "bundle")
    return bundle, checkpoint.resolve().parent.parent


def evaluate(
    config: EvalConfig,
    dataset: Dataset,
    bundle: Bundle,
    methods: Sequence[Method],
    *,
    trained_to: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Evaluate ``methods[0]``, the encoder of ``bundle``, put the others beside it, and write.

    Args:
        config: see there.
        dataset: pictures and labels.
        bundle: where ``threshold`` is looked up and operating points are stored.
        methods: the encoder first, then the baselines.
        trained_to: harshest severity of each family of edits that the training showed.

    Returns:
        What ``report.json`` in ``config.out`` holds.

    Raises:
        ConfigError: no pair of the pictures that could be read is a duplicate, or every one is;
            the folder ``config.out`` cannot be written.
        BundleError: ``threshold`` names no operating point or lies outside [0, 2].
    """
    threshold = None if config.threshold is None else bundle.threshold(config.threshold)
    prepare(Path(config.out), scores=config.scores)
    second = None
    if config.verify:
        opencv()  # before minutes of work that would end without it
        second = second_look.SecondLook(methods[0], strict_threshold(bundle, None))
        methods = [*methods, second.method]
    encoded = encode(dataset, methods, batch_size=config.batch_size, bar="encoding")
    task = dataset.make_task(encoded.kept)
    _require_pairs(task, encoded)
    halves = split_sources(task, seed=config.seed) if config.halves else None
    if second is not None:
        looked_at = second_look.EncodedTask(task, *encoded.of_task(second_look.NAME))
        choice, test = (looked_at.of_sources(h) for h in halves or (task.sources, task.sources))
        second.learn(choice, dataset.description)
    results = []
    for method in methods:
        vectors = encoded.of_task(method.name)
        scores = score_method(method, task, *vectors, halves, show_progress=True)
        results.append(choose(scores, PRECISIONS, config.target_precision))
    main, *others = results
    if threshold is not None:
        name = f"given: {config.threshold}"
        point = at_threshold(main.scores.test.scores, threshold)
        main = replace(main, points=main.points | {name: point}, chosen=name)
    main, collection = extrapolate(config, main)
    report = figures(config, encoded, main, others, collection)
    if second is not None:
        report["reliability"] = asdict(second.reliability(test))
    about = ("backbone", "image_size", "embedding_size", "files", "provenance")
    report["bundle"] = {"directory": str(bundle.directory)}
    report["bundle"] |= {name: getattr(bundle, name) for name in about}
    report["config"] = asdict(config)
    cells = robustness_map(config, encoded, main, trained_to)
    report["robustness"] = [asdict(cell) for cell in cells]
    if config.write_thresholds:
        if second is not None:
            learned = second.learn(looked_at, dataset.description)
            bundle = replace(bundle, calibration=learned)
        report["stored"] = _store_thresholds(bundle, main.points, dataset.description)
    write(report, main, others, gallery(encoded, main, config.gallery))
    return report


def _store_thresholds(
    bundle: Bundle, points: Mapping[str, OperatingPoint], measured_on: str
) -> list[str]:
    """Put the operating points into the bundle, replacing those of the same name.

    Returns:
        The names that ``neardup compare --at`` now finds a threshold for.
    """
    stored = dict(bundle.operating_points) | {
        name: replace(point, measured_on=measured_on)
        for name, point in points.items()
        if not name.startswith("given")
    }
    default = bundle.default_at
    if default not in stored or stored[default].threshold is None:
        default = "f1"
    replace(bundle, operating_points=stored, default_at=default).save()
    return [name for name, point in stored.items() if point.threshold is not None]


def _require_pairs(task: Task, encoded: Encoded) -> None:
    copies = task.copy_count
    if copies and copies < task.pair_count:
        return
    reason = "no pair of pictures is a copy, so there is nothing to find"
    if copies:
        reason = "every pair of pictures is a copy, so there is nothing to tell copies from"
    if encoded.unreadable:
        name, why = encoded.unreadable[0]
        reason += f"; {len(encoded.unreadable)} files could not be read, the first: {name}: {why}"
    raise ConfigError(f"protocol: {reason}")
