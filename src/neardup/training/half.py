"""Weights in 16 bits: files of half the size, for a network that computes in float32 as before."""

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file, save_file

from neardup.errors import NeardupError

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
