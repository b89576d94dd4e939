"""Smaller networks: int8 by static quantisation, or weights in 16 bits."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from safetensors.torch import load_file, save_file

from neardup.embedder import INPUT_NAME
from neardup.errors import NeardupError

_BATCH = 16


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._batches: Iterator[NDArray[np.uint8]] = iter(
            [images[i : i + _BATCH] for i in range(0, len(images), _BATCH)]
        )

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT_NAME: batch}


def quantize_int8(fp32_onnx: Path, calibration: NDArray[np.uint8], out: Path) -> None:
    """Write ``out``, the network with 8-bit convolutions and matrix products.

    Weights are signed, per output channel, in 7 bits: without VNNI instructions the product of
    full-range 8-bit numbers overflows its 16-bit sum. Activations are unsigned, by their range.
    Normalisation, pooling and the final L2 norm stay in float.

    Args:
        fp32_onnx: the encoder as exported.
        calibration: (N, S, S, 3) uint8 RGB, typical images.
        out: where the new network goes.
    """
    with _no_advice(), tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(fp32_onnx, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            out,
            _Batches(calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add", "MaxPool", "Relu"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


@contextmanager
def _no_advice() -> Iterator[None]:
    """The quantiser writes its advice to the root logger."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


_WEIGHTED = ("Conv", "Gemm", "MatMul")
_KERNEL = 1
"""The place of the kernel or matrix among the inputs of these."""


def store_fp16(fp32_onnx: Path, out: Path) -> None:
    """Write ``out``, the network with the weights of convolutions and matrix products as float16.

    A Cast to float32 follows each; ONNX Runtime works those out once, when it loads the file.
    Biases, constants and everything between stay float32.

    Raises:
        NeardupError: a weight is beyond float16's range.
    """
    model = onnx.load(fp32_onnx)
    graph = model.graph
    kernels = {node.input[_KERNEL] for node in graph.node if node.op_type in _WEIGHTED}
    casts = []
    for weight in graph.initializer:
        if weight.name in kernels and weight.data_type == TensorProto.FLOAT:
            name, stored = weight.name, f"{weight.name}.fp16"
            half = _half(numpy_helper.to_array(weight), name)
            weight.CopyFrom(numpy_helper.from_array(half, stored))
            casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, out)


def halve_weights(path: Path) -> None:
    """Rewrite a ``.safetensors`` file with its kernels and matrices as float16.

    Raises:
        NeardupError: a weight is beyond float16's range.
    """
    state = {
        name: torch.from_numpy(_half(tensor.numpy(), name))
        if name.endswith(".weight") and tensor.ndim > 1
        else tensor
        for name, tensor in load_file(path).items()
    }
    permissions = path.stat().st_mode
    save_file(state, path)
    path.chmod(permissions)


def _half(weight: NDArray[np.float32], name: str) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        half = weight.astype(np.float16)
    if not np.isfinite(half).all():
        raise NeardupError(f"quantize=fp16: {name} has weights that float16 cannot hold")
    return half
