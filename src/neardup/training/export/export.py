"""``export.py``: a bundle from any checkpoint; in float32, with float16 weights, or in int8."""

import json
import logging
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from neardup.bundle import DESCRIPTION_FILE, ENCODER_FILE, WEIGHTS_FILE, Bundle
from neardup.errors import ConfigError, NeardupError
from neardup.evaluation.measures.results import Result
from neardup.evaluation.methods import Encode
from neardup.evaluation.methods import encoder as onnx_method
from neardup.images.network_input import to_batch
from neardup.training.checkpoints import FOLDER, best_checkpoint, load_checkpoint
from neardup.training.config import ExportConfig, TrainConfig
from neardup.training.data.images import Images
from neardup.training.data.sources import Sources, load_sources
from neardup.training.encoder import Encoder, TorchEmbedder
from neardup.training.evaluation import validate
from neardup.training.export.bundle_writer import parity, write_bundle
from neardup.training.export.quantize import halve_weights, quantize_int8, store_fp16

log = logging.getLogger(__name__)

_CALIBRATION_IMAGES = 256
_LEAST_VARIANCE = 1e-4
"""Components with less variance than this share of the largest are treated as having it."""


def export(config: ExportConfig) -> Bundle:
    """Make a bundle from any checkpoint of ours; thresholds are measured on its validation split.

    Raises:
        ConfigError: the checkpoint is not one, or another bundle is in the way.
        BundleError: the parity check failed.
        NeardupError: int8 or whitening without the images they are fitted on, fp16 with weights
            beyond its range.
    """
    if config.out and not config.overwrite and Path(config.out, DESCRIPTION_FILE).exists():
        raise ConfigError(
            f"out={config.out}: holds a bundle already; name another folder, or overwrite=true"
        )
    ckpt = Path(config.ckpt).expanduser()
    if ckpt.is_dir():
        ckpt = best_checkpoint(ckpt)
    folder = ckpt.resolve().parent
    folder = folder.parent if folder.name == FOLDER else folder
    name = "bundle" if config.quantize == "none" else f"bundle-{config.quantize}"
    out = Path(config.out).expanduser() if config.out else folder / name

    encoder, run, record = load_checkpoint(ckpt)
    size = run.data.size_at_inference
    sources = _sources(config, run, out)
    if config.whiten and sources:
        whiten(encoder, sources.train, size)
    result = _validate(TorchEmbedder(encoder, size), sources) if sources else None
    remarks = {"licence": config.licence, "note": config.note}
    bundle = write_bundle(
        encoder,
        run.encoder,
        out,
        image_size=size,
        operating_points=result.points if result else {},
        default_at=result.chosen if result else "",
        provenance={
            **record["provenance"],
            "steps": record["steps"],
            "config": asdict(run),
            "whitened": config.whiten,
            **{key: text for key, text in remarks.items() if text},
        },
        # The float32 weights of an int8 network are in the checkpoint.
        weights=config.weights and config.quantize != "int8",
    )
    if config.quantize != "none":
        bundle = _quantized(bundle, config.quantize, encoder, sources)
    log.info("bundle: %s", bundle.directory)
    return bundle


def _sources(config: ExportConfig, run: TrainConfig, out: Path) -> Sources | None:
    """The run's images, decoded as far as they are needed; None if thresholds must go without."""
    fitted = "whiten=true" if config.whiten else "quantize=int8"
    is_fitted = config.whiten or config.quantize == "int8"
    try:
        sources = load_sources(run.data, max_zoom=run.augment.max_zoom)
        sources.decode("val", *(["train"] if is_fitted else []))
        return sources
    except NeardupError as error:
        if is_fitted:
            raise NeardupError(f"{fitted} needs the training images: {error}") from error
        log.warning(
            "no thresholds: the validation images are not to be had (%s);"
            " `python eval.py bundle=%s write_thresholds=true ...` measures them on others",
            error,
            out,
        )
        return None


def _validate(embed: Encode, sources: Sources) -> Result:
    return validate(sources.val, embed, name=f"validation split of {sources.name}")


def _quantized(bundle: Bundle, precision: str, encoder: Encoder, sources: Sources | None) -> Bundle:
    """Put the fp16 or int8 form in the encoder's place; what that costs is measured and noted."""
    fp32 = _validate(onnx_method("neardup", bundle).encode, sources) if sources else None
    draft, weights = bundle.directory / f".{ENCODER_FILE}.part", bundle.directory / WEIGHTS_FILE
    cost: dict[str, Any] = {"precision": precision}
    if precision == "fp16":
        store_fp16(bundle.encoder_path, draft)
        if weights.exists():
            halve_weights(weights)
    else:
        assert sources, "int8 has been refused without images"
        count = min(_CALIBRATION_IMAGES, len(sources.train))
        evenly_spread = np.linspace(0, len(sources.train) - 1, count).astype(int)
        images = [sources.train[int(place)] for place in evenly_spread]
        quantize_int8(bundle.encoder_path, to_batch(images, bundle.image_size), draft)
        cost["calibration_images"] = count
    os.replace(draft, bundle.encoder_path)
    cost["distance_error"] = parity(encoder, bundle.encoder_path, bundle.image_size)
    if sources and fp32:
        after = _validate(onnx_method("neardup", bundle).encode, sources)
        cost |= {
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
        bundle = replace(bundle, operating_points=after.points, default_at=after.chosen)
    replace(bundle, provenance={**bundle.provenance, "quantization": cost}).save()
    log.info("%s against fp32: %s", precision, json.dumps(cost))
    return Bundle.load(bundle.directory)


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
