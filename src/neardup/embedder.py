"""The encoder: an ONNX Runtime session that turns square pictures into unit vectors."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from neardup.errors import BundleError

INPUT_NAME = "images"
OUTPUT_NAME = "embeddings"


class Embedder:
    """Runs ``encoder.onnx``.

    Args:
        path: the network; input ``images`` (B, S, S, 3) uint8 RGB, output ``embeddings`` (B, D)
            float32 of unit length.
        threads: how many cores one batch may use; None: all that this process may run on.

    Raises:
        BundleError: the file is not such a network.
    """

    def __init__(self, path: str | Path, *, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or available_cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        # Waiting threads sleep: busy waiting would take the cores from decoding.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            inputs = [(node.name, node.type) for node in self._session.get_inputs()]
            outputs = [node.name for node in self._session.get_outputs()]
        except Exception as error:  # onnxruntime has no public base class for its exceptions
            raise BundleError(f"{path} is not a network that can be run: {error}") from error
        if inputs != [(INPUT_NAME, "tensor(uint8)")] or OUTPUT_NAME not in outputs:
            raise BundleError(
                f"{path}: expected uint8 {INPUT_NAME!r} to {OUTPUT_NAME!r}, "
                f"found {inputs} to {outputs}; export the bundle again"
            )

    def __call__(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Embed B squares: (B, S, S, 3) uint8 RGB to (B, D) float32 of unit length.

        An embedding does not depend on what else is in the batch.
        """
        return np.asarray(self._session.run([OUTPUT_NAME], {INPUT_NAME: batch})[0])


def available_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
