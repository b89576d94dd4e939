"""From a float32 ONNX encoder to int8, by static quantisation with ONNX Runtime."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from neardup.embedder import INPUT_NAME

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
        calibration: (N, S, S, 3) uint8 RGB, typical pictures.
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
