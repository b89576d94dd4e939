"""``export.py``: a bundle from any checkpoint, in float32 or, smaller and faster, int8."""

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neardup.bundle import ENCODER_FILE, WEIGHTS_FILE, Bundle
from neardup.errors import NeardupError
from neardup.evaluation.method import encoder as onnx_method
from neardup.evaluation.synthetic import Embed
from neardup.preprocess import to_batch
from neardup.training.bundle_writer import write_bundle
from neardup.training.checkpoints import FOLDER, best_checkpoint, load_checkpoint
from neardup.training.config import ExportConfig, TrainConfig
from neardup.training.data.sources import Sources, load_sources
from neardup.training.embed import TorchEmbedder
from neardup.training.quantize import quantize_int8
from neardup.training.verdict import Images, Measured, measure

log = logging.getLogger(__name__)

_CALIBRATION_IMAGES = 256


def export(config: ExportConfig) -> Bundle:
    """Do what ``export.py`` was asked for, and say where the bundle is.

    Raises:
        NeardupError: naming the key or file.
    """
    ckpt = Path(config.ckpt).expanduser()
    if ckpt.is_dir():
        ckpt = best_checkpoint(ckpt)
    name = "bundle" if config.quantize == "none" else f"bundle-{config.quantize}"
    folder = ckpt.resolve().parent
    folder = folder.parent if folder.name == FOLDER else folder
    out = Path(config.out).expanduser() if config.out else folder / name
    bundle = export_bundle(ckpt, out, quantize=config.quantize == "int8")
    log.info("bundle: %s", bundle.directory)
    return bundle


def export_bundle(ckpt: Path, out: Path, *, quantize: bool = False) -> Bundle:
    """Make a bundle from any checkpoint of ours; thresholds are measured on its validation split.

    Raises:
        ConfigError: ``ckpt`` is not one.
        BundleError: the parity check failed.
        NeardupError: ``quantize`` without the images to calibrate on.
    """
    encoder, config, record = load_checkpoint(ckpt)
    sources = None
    try:
        sources = load_sources(config.data, max_zoom=config.augment.max_zoom)
    except NeardupError as error:
        if quantize:
            raise NeardupError(f"quantize=int8 needs the training images: {error}") from error
        log.warning(
            "no thresholds: the validation images are not to be had (%s);"
            " `python eval.py bundle=%s write_thresholds=true ...` measures them on others",
            error,
            out,
        )
    embed = TorchEmbedder(encoder, config.data.image_size)
    measured = _measure(embed, sources) if sources else None
    bundle = write_bundle(
        encoder,
        config.encoder,
        out,
        image_size=config.data.image_size,
        operating_points=measured.points if measured else {},
        default_at=measured.default_at if measured else "",
        provenance=record["provenance"] | {"steps": record["steps"]},
    )
    return _quantized(bundle, config, sources) if quantize and sources else bundle


def _measure(embed: Embed, sources: Sources) -> Measured:
    return measure(sources.val, embed, name=f"validation split of {sources.name}")


def _calibration(images: Images, size: int) -> NDArray[np.uint8]:
    """(N, S, S, 3) uint8, evenly spread over the training images."""
    count = min(_CALIBRATION_IMAGES, len(images))
    places = np.linspace(0, len(images) - 1, count).astype(int)
    return to_batch([images[int(place)] for place in places], size)


def _quantized(bundle: Bundle, config: TrainConfig, sources: Sources) -> Bundle:
    """Replace the encoder by its int8 form; what that costs is measured and written down."""
    size = config.data.image_size
    fp32 = _measure(onnx_method("neardup", bundle).encode, sources)
    draft = bundle.directory / f".{ENCODER_FILE}.part"
    quantize_int8(bundle.encoder_path, _calibration(sources.train, size), draft)
    os.replace(draft, bundle.encoder_path)
    (bundle.directory / WEIGHTS_FILE).unlink()  # the float32 weights are in the checkpoint
    int8 = _measure(onnx_method("neardup", bundle).encode, sources)
    cost = {
        "precision": "int8",
        "calibration_images": min(_CALIBRATION_IMAGES, len(sources.train)),
        "measured_on": fp32.points["f1"].measured_on,
        "average_precision": {"fp32": fp32.average_precision, "int8": int8.average_precision},
        "recall": {
            at: {"fp32": point.recall, "int8": int8.points[at].recall}
            for at, point in fp32.points.items()
        },
    }
    replace(
        bundle,
        operating_points=int8.points,
        default_at=int8.default_at,
        provenance={**bundle.provenance, "quantization": cost},
    ).save()
    log.info("int8 against fp32: %s", json.dumps(cost["recall"]))
    return Bundle.load(bundle.directory)
