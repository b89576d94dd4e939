"""``export.py``: a bundle from any checkpoint; in float32, with float16 weights, or in int8."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import nn

from neardup.bundle import DESCRIPTION_FILE, ENCODER_FILE, WEIGHTS_FILE, Bundle
from neardup.errors import ConfigError, NeardupError
from neardup.evaluation.measures.synthetic import Embed
from neardup.evaluation.methods import encoder as onnx_method
from neardup.images.network_input import to_batch
from neardup.training.checkpoints import FOLDER, best_checkpoint, load_checkpoint
from neardup.training.config import ExportConfig, TrainConfig
from neardup.training.data.images import Images
from neardup.training.data.sources import Sources, load_sources
from neardup.training.encoder import Encoder, TorchEmbedder
from neardup.training.export.bundle_writer import parity, write_bundle
from neardup.training.export.quantize import halve_weights, quantize_int8, store_fp16
from neardup.training.verdict import Measured, measure

log = logging.getLogger(__name__)

_CALIBRATION_IMAGES = 256
_LEAST_VARIANCE = 1e-4
"""Components with less variance than this share of the largest are treated as having it."""


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
    fitted = quantize == "int8" or whitened
    sources = None
    try:
        sources = load_sources(config.data, max_zoom=config.augment.max_zoom)
        sources.decode("val", *(["train"] if fitted else []))
    except NeardupError as error:
        sources = None
        if fitted:
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
    measured = _measure(embed, sources) if sources else None
    bundle = write_bundle(
        encoder,
        config.encoder,
        out,
        image_size=config.data.size_at_inference,
        operating_points=measured.points if measured else {},
        default_at=measured.default_at if measured else "",
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


def _measure(embed: Embed, sources: Sources) -> Measured:
    return measure(sources.val, embed, name=f"validation split of {sources.name}")


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
    fp32 = _measure(onnx_method("neardup", bundle).encode, sources) if sources else None
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
        after = _measure(onnx_method("neardup", bundle).encode, sources)
        cost |= _cost(precision, fp32, after)
        bundle = replace(bundle, operating_points=after.points, default_at=after.default_at)
    replace(bundle, provenance={**bundle.provenance, "quantization": cost}).save()
    log.info("%s against fp32: %s", precision, json.dumps(cost))
    return Bundle.load(bundle.directory)


def _cost(precision: str, fp32: Measured, after: Measured) -> dict[str, Any]:
    return {
        "measured_on": fp32.points["f1"].measured_on,
        "average_precision": {
            "fp32": fp32.average_precision,
            precision: after.average_precision,
        },
        "recall": {
            at: {"fp32": point.recall, precision: after.points[at].recall}
            for at, point in fp32.points.items()
        },
    }


def whiten(encoder: Encoder, images: Images, image_size: int) -> None:
    """Give ``encoder`` a PCA-whitening layer, in place of any it has.

    Jegou & Chum 2012: the embedding minus its mean, in the basis of the principal components, each
    divided by its standard deviation, and of unit length again. So directions in which all images
    differ come to count less. One linear layer, so ONNX carries it.

    Args:
        encoder: changed.
        images: (H, W, 3) uint8 RGB each; those it was trained on, never those it is judged on.
        image_size: side S of its input, pixels.

    Raises:
        ConfigError: there are too few images for as many components as an embedding has numbers.
    """
    length = encoder.project.out_features
    if len(images) <= length:
        raise ConfigError(
            f"whiten=true: needs more than {length} training images, one for each number of an"
            f" embedding; the run has {len(images)}"
        )
    encoder.whiten = None
    pca = PCA(svd_solver="full").fit(TorchEmbedder(encoder, image_size)(images))
    variance = np.maximum(pca.explained_variance_, _LEAST_VARIANCE * pca.explained_variance_[0])
    weight = pca.components_ / np.sqrt(variance)[:, None]
    weight /= np.linalg.norm(weight)  # the length is lost anyway; this one suits half precision
    layer = nn.Linear(length, length)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(-weight @ pca.mean_))
    encoder.whiten = layer.to(encoder.mean.device)
