"""``benchmarks/scan.py`` can scan with the networks of other projects."""

import importlib.util
from pathlib import Path

import numpy as np
import onnx

from neardup import Detector
from neardup.bundle import Bundle
from toy_bundle import IMAGE_SIZE

PATH = Path(__file__).resolve().parents[2] / "benchmarks/scan.py"


def test_a_foreign_network_becomes_a_bundle_that_answers_the_same(toy_bundle, picture, tmp_path):
    specification = importlib.util.spec_from_file_location("benchmark_scan", PATH)
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    theirs = onnx.load(toy_bundle / "encoder.onnx")  # under other names
    for node in theirs.graph.node:
        node.input[:] = ["image" if name == "images" else name for name in node.input]
        node.output[:] = ["vector" if name == "embeddings" else name for name in node.output]
    theirs.graph.input[0].name, theirs.graph.output[0].name = "image", "vector"
    onnx.save(theirs, tmp_path / "theirs.onnx")

    wrapped = script.wrap_onnx(tmp_path / "theirs.onnx", IMAGE_SIZE, tmp_path / "bundle")
    assert Bundle.load(wrapped).backbone == "theirs"
    pictures = [picture(seed) for seed in range(3)]
    np.testing.assert_allclose(
        Detector.load(wrapped).embed(pictures), Detector.load(toy_bundle).embed(pictures), atol=1e-6
    )
