import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from neardup.distance import l2, l2_matrix
from neardup.embedder import Embedder
from neardup.images.network_input import to_batch
from neardup.training.export.quantize import quantize_int8

SIZE = 32


@pytest.fixture(scope="module")
def fp32(tmp_path_factory):
    """Two convolutions, pooling, a projection, L2 norm; weights at random."""
    rng = np.random.default_rng(0)

    def weights(*shape):
        return (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    constants = {
        "mean": np.full((1, 3, 1, 1), 127.5, np.float32),
        "deviation": np.full((1, 3, 1, 1), 64, np.float32),
        "first": weights(32, 3, 5, 5),
        "second": weights(128, 32, 5, 5),
        "project": weights(64, 128).T.copy(),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Sub", ["nchw", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "deviation"], ["normal"]),
        helper.make_node("Conv", ["normal", "first"], ["a"], strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "project"], ["projected"]),
        helper.make_node("LpNormalization", ["projected"], ["embeddings"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", 64])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = tmp_path_factory.mktemp("fp32") / "encoder.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path
    )
    return path


@pytest.fixture(scope="module")
def images(picture):
    return to_batch([np.asarray(picture(seed)) for seed in range(60)], SIZE)


@pytest.fixture(scope="module")
def int8(fp32, images, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "encoder.onnx"
    quantize_int8(fp32, images[:40], path)
    return path


def test_embeddings_stay_where_they_were(fp32, int8, images):
    unseen = images[40:]
    before, after = Embedder(fp32)(unseen), Embedder(int8)(unseen)
    assert np.allclose(np.linalg.norm(after, axis=1), 1, atol=1e-5)
    distances = l2_matrix(before, before)[np.triu_indices(len(unseen), 1)]
    assert l2(before, after).max() < np.median(distances) / 5
    moved = l2_matrix(after, after)[np.triu_indices(len(unseen), 1)]
    assert np.corrcoef(distances, moved)[0, 1] > 0.99


def test_is_smaller_and_takes_any_batch(fp32, int8, images):
    assert int8.stat().st_size < fp32.stat().st_size / 2
    embedder = Embedder(int8)
    whole = embedder(images[:9])
    alone = np.concatenate([embedder(images[i : i + 1]) for i in range(9)])
    assert np.array_equal(whole, alone)


def test_same_pictures_same_network(fp32, int8, images, tmp_path):
    quantize_int8(fp32, images[:40], tmp_path / "again.onnx")
    again, first = Embedder(tmp_path / "again.onnx"), Embedder(int8)
    assert np.array_equal(again(images), first(images))
