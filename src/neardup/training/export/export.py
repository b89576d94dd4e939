"""``export.py``: a bundle from any checkpoint, in float32 or smaller: float16 weights, int8."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neardup.bundle import DESCRIPTION_FILE, ENCODER_FILE, WEIGHTS_FILE, Bundle
from neardup.errors import ConfigError, NeardupError
from neardup.evaluation.measures.results import Result
from neardup.evaluation.methods import Encode
from neardup.evaluation.methods import encoder as onnx_method
from neardup.images.network_input import to_batch
from neardup.training.checkpoints import FOLDER, best_checkpoint, load_checkpoint
from neardup.training.config import ExportConfig, TrainConfig
from neardup.training.data.sources import Sources, load_sources
from neardup.training.encoder import Encoder, TorchEmbedder
from neardup.training.evaluation import Images, validate
from neardup.training.export.bundle_writer import parity, write_bundle
from neardup.training.export.quantize import halve_weights, quantize_int8, store_fp16
from neardup.training.export.whitening import whiten

log = logging.getLogger(__name__)

_CALIBRATION_IMAGES = 256


def export(config: ExportConfig) -> Bundle:
    """Do what ``export.py`` was asked for, and say where the bundle is.

    Raises:
        NeardupError: naming the key or file.
    """
    if config.out and not config.overwrite and Path(config.out, DESCRIPTION_FILE).exists():
        raise ConfigError(
            f"out={config.out}: holds a bundle already; name another folder, or overwrite=true"
        )
    ckpt = Path(config.ckpt).expanduser()
    if ckpt.is_dir():
        ckpt = best_checkpoint(ckpt)
    name = "bundle" if config.quantize == "none" else f"bundle-{config.quantize}"
    folder = ckpt.resolve().parent
    folder = folder.parent if folder.name == FOLDER else folder
    out = Path(config.out).expanduser() if config.out else folder / name
    remarks = {"licence": config.licence, "note": config.note}
    bundle = export_bundle(
        ckpt,
        out,
        quantize=config.quantize,
        weights=config.weights,
        whitened=config.whiten,
        remarks={key: text for key, text in remarks.items() if text},
    )
    log.info("bundle: %s", bundle.directory)
    return bundle


def export_bundle(
    ckpt: Path,
    out: Path,
    *,
    quantize: str = "none",
    weights: bool = True,
    whitened: bool = False,
    remarks: Mapping[str, str] | None = None,
) -> Bundle:
    """Make a bundle from any checkpoint of ours; thresholds are measured on its validation split.

    Args:
        ckpt: the checkpoint.
        out: the bundle's folder.
        quantize: ``none``, ``fp16`` or ``int8``.
        weights: also write ``encoder.safetensors``.
        whitened: with a whitening layer, fitted on the training images.
        remarks: what else the bundle's provenance is to say.

    Raises:
        ConfigError: ``ckpt`` is not one.
        BundleError: the parity check failed.
        NeardupError: int8 or whitening without the images they are fitted on, fp16 with weights
            beyond its range.
    """
    encoder, config, record = load_checkpoint(ckpt)
    sources = None
    try:
        sources = load_sources(config.data, max_zoom=config.augment.max_zoom)
    except NeardupError as error:
        if quantize == "int8" or whitened:
            key = "whiten=true" if whitened else "quantize=int8"
            raise NeardupError(f"{key} needs the training images: {error}") from error
        log.warning(
            "no thresholds: the validation images are not to be had (%s);"
            " `python eval.py bundle=%s write_thresholds=true ...` measures them on others",
            error,
            out,
        )
    if whitened and sources:
        whiten(encoder, sources.train, config.data.size_at_inference)
    embed = TorchEmbedder(encoder, config.data.size_at_inference)
    result = _validate(embed, sources) if sources else None
    bundle = write_bundle(
        encoder,
        config.encoder,
        out,
        image_size=config.data.size_at_inference,
        operating_points=result.points if result else {},
        default_at=result.chosen if result else "",
        provenance={
            **record["provenance"],
            "steps": record["steps"],
            "config": asdict(config),
            "whitened": whitened,
            **(remarks or {}),
        },
        weights=weights and quantize != "int8",  # the float32 weights are in the checkpoint
    )
    return bundle if quantize == "none" else _quantized(bundle, quantize, encoder, config, sources)


def _validate(embed: Encode, sources: Sources) -> Result:
    return validate(sources.val, embed, name=f"validation split of {sources.name}")


def _calibration(images: Images, size: int) -> NDArray[np.uint8]:
    """(N, S, S, 3) uint8, evenly spread over the training images."""
    count = min(_CALIBRATION_IMAGES, len(images))
    places = np.linspace(0, len(images) - 1, count).astype(int)
    return to_batch([images[int(place)] for place in places], size)


def _quantized(
    bundle: Bundle, precision: str, encoder: Encoder, config: TrainConfig, sources: Sources | None
) -> Bundle:
    """Put the fp16 or int8 form in the encoder's place; what that costs is measured and noted."""
    size = config.data.size_at_inference
    fp32 = _validate(onnx_method("neardup", bundle).encode, sources) if sources else None
    draft, weights = bundle.directory / f".{ENCODER_FILE}.part", bundle.directory / WEIGHTS_FILE
    cost: dict[str, Any] = {"precision": precision}
    if precision == "fp16":
        store_fp16(bundle.encoder_path, draft)
        if weights.exists():
            halve_weights(weights)
    else:
        assert sources, "int8 has been refused without images"
        calibration = _calibration(sources.train, size)
        quantize_int8(bundle.encoder_path, calibration, draft)
        cost["calibration_images"] = len(calibration)
    os.replace(draft, bundle.encoder_path)
    cost["distance_error"] = parity(encoder, bundle.encoder_path, size)
    if sources and fp32:
        after = _validate(onnx_method("neardup", bundle).encode, sources)
        cost |= _cost(precision, fp32, after)
        bundle = replace(bundle, operating_points=after.points, default_at=after.chosen)
    replace(bundle, provenance={**bundle.provenance, "quantization": cost}).save()
    log.info("%s against fp32: %s", precision, json.dumps(cost))
    return Bundle.load(bundle.directory)


def _cost(precision: str, fp32: Result, after: Result) -> dict[str, Any]:
    return {
        "measured_on": fp32.points["f1"].measured_on,
        "average_precision": {
            "fp32": fp32.scores.whole.average_precision,
            precision: after.scores.whole.average_precision,
        },
        "recall": {
            at: {"fp32": point.recall, precision: after.points[at].recall}
            for at, point in fp32.points.items()
        },
    }
