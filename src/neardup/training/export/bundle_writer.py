"""From a torch encoder to a bundle, written only when ONNX Runtime agrees with torch."""

import logging
import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from safetensors.torch import save_file

from neardup.bundle import DESCRIPTION_FILE, ENCODER_FILE, WEIGHTS_FILE, Bundle, OperatingPoint
from neardup.distance import l2
from neardup.embedder import Embedder
from neardup.errors import BundleError
from neardup.images.network_input import PREPROCESSING, to_batch
from neardup.procedural import generate
from neardup.training.config import EncoderConfig
from neardup.training.encoder import Encoder, TorchEmbedder

PARITY = 1e-4
"""Largest difference of a distance between torch and ONNX Runtime that is let through."""


def write_bundle(
    encoder: Encoder,
    config: EncoderConfig,
    out: Path,
    *,
    image_size: int,
    operating_points: Mapping[str, OperatingPoint],
    default_at: str,
    provenance: Mapping[str, Any],
    weights: bool = True,
) -> Bundle:
    """Write ``out`` (replacing a bundle there) after the parity check has passed.

    Args:
        encoder: what is exported.
        config: what it was built from.
        out: the bundle's folder.
        image_size: side of the square the encoder sees, pixels.
        operating_points, default_at, provenance: see :class:`Bundle`. Of absolute paths in the
            provenance only the last name is kept: a bundle is given to others.
        weights: also write ``encoder.safetensors``, which training can start from.

    Raises:
        BundleError: ``out`` holds something else, which would be lost, or the exported encoder does
            not reproduce the torch encoder's distances.
    """
    empty = out.is_dir() and not any(out.iterdir())
    if out.exists() and not empty and not (out / DESCRIPTION_FILE).is_file():
        raise BundleError(f"{out}: exists and is no bundle; name a new folder")
    draft = out.with_name(f".{out.name}.{os.getpid()}.part")
    old = draft.with_suffix(".old")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        encoder = encoder.eval().float().cpu()
        _write_onnx(encoder, draft / ENCODER_FILE, image_size)
        if weights:
            state = {name: tensor.contiguous() for name, tensor in encoder.state_dict().items()}
            save_file(state, draft / WEIGHTS_FILE)
            shutil.copymode(draft / ENCODER_FILE, draft / WEIGHTS_FILE)  # else no one else may read
        difference = parity(encoder, draft / ENCODER_FILE, image_size)
        if not difference <= PARITY:
            raise BundleError(
                f"{out}: not written: ONNX Runtime's distances differ from torch's by"
                f" {difference:.2g}, more than {PARITY:g}"
            )
        bundle = Bundle(
            directory=draft,
            backbone=config.backbone,
            embedding_size=config.embedding_size,
            image_size=image_size,
            preprocessing={
                **PREPROCESSING,
                "mean": encoder.mean.flatten().tolist(),
                "std": encoder.std.flatten().tolist(),
            },
            operating_points=operating_points,
            default_at=default_at,
            provenance={**_without_folders(provenance), "onnx_parity": difference},
        )
        bundle.save()
        if out.exists():
            os.replace(out, old)  # so that what is at ``out`` is whole or absent
        os.replace(draft, out)
    finally:
        for leftover in (draft, old):
            shutil.rmtree(leftover, ignore_errors=True)
    return Bundle.load(out)


def parity(encoder: Encoder, onnx: Path, image_size: int) -> float:
    """Largest difference in distance, torch against ONNX Runtime, from pixels on.

    Over all pairs of a few images, one of them larger than the encoder's input.
    """
    images = [
        generate(seed=0, index=i, size=2 * image_size if i == 0 else image_size) for i in range(6)
    ]
    by_torch = TorchEmbedder(encoder, image_size)(images)
    by_onnx = Embedder(onnx)(to_batch(images, image_size))
    a, b = np.triu_indices(len(images), k=1)
    return float(np.abs(l2(by_torch[a], by_torch[b]) - l2(by_onnx[a], by_onnx[b])).max())


def _write_onnx(encoder: Encoder, path: Path, image_size: int) -> None:
    example = torch.zeros(2, image_size, image_size, 3, dtype=torch.uint8)
    for name in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own dependencies
        torch.onnx.export(
            encoder,
            (example,),
            path,
            input_names=["images"],
            output_names=["embeddings"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(path)
    for node in model.graph.node:
        del node.metadata_props[:]  # lines of source, with the paths of this machine
    onnx.save(model, path)


def _without_folders(plain: Any) -> Any:
    if isinstance(plain, Mapping):
        return {key: _without_folders(value) for key, value in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [_without_folders(value) for value in plain]
    if isinstance(plain, str) and os.path.isabs(os.path.expanduser(plain)):
        return Path(plain).name
    return plain
