"""A bundle whose encoder is made by hand, so that inference is tested without training."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from neardup.bundle import Bundle, OperatingPoint
from neardup.images.network_input import PREPROCESSING

IMAGE_SIZE = 64
EMBEDDING_SIZE = 32
THRESHOLD = 0.25


def save_toy_encoder(path: Path, *, seed: int = 0) -> None:
    """Pool to 8 x 8 colour cells, remove the mean, project at random, normalise."""
    cells = IMAGE_SIZE // 8
    features = 3 * 8 * 8
    rng = np.random.default_rng(seed)
    projection = rng.normal(size=(features, EMBEDDING_SIZE)).astype(np.float32)
    # A constant feature keeps the vector of a blank picture away from zero length.
    nodes = [
        helper.make_node("Cast", ["images"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["nchw"], ["cells"], kernel_shape=[cells, cells], strides=[cells, cells]
        ),
        helper.make_node("Flatten", ["cells"], ["flat"]),
        helper.make_node("Sub", ["flat", "grey"], ["centred"]),
        helper.make_node("MatMul", ["centred", "projection"], ["projected"]),
        helper.make_node("Add", ["projected", "offset"], ["shifted"]),
        helper.make_node("LpNormalization", ["shifted"], ["embeddings"], axis=1, p=2),
    ]
    constants = {
        "grey": np.full(features, 127.5, dtype=np.float32),
        "projection": projection,
        "offset": np.full(EMBEDDING_SIZE, 1.0, dtype=np.float32),
    }
    shape_in = ["batch", IMAGE_SIZE, IMAGE_SIZE, 3]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, shape_in)],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", EMBEDDING_SIZE])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def save_toy_bundle(directory: Path, *, seed: int = 0) -> Bundle:
    """Write a complete bundle; another ``seed`` gives another encoder."""
    directory.mkdir(parents=True, exist_ok=True)
    save_toy_encoder(directory / "encoder.onnx", seed=seed)
    (directory / "encoder.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    point = OperatingPoint(threshold=THRESHOLD, precision=1.0, recall=0.9, measured_on="made up")
    unreached = OperatingPoint(threshold=None, precision=0.0, recall=0.0, measured_on="made up")
    Bundle(
        directory=directory,
        backbone="toy",
        embedding_size=EMBEDDING_SIZE,
        image_size=IMAGE_SIZE,
        preprocessing=PREPROCESSING,
        operating_points={"f1": point, "precision=0.99": unreached},
        default_at="f1",
        provenance={"warnings": []},
    ).save()
    return Bundle.load(directory)
