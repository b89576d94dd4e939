"""``export.py``: bundles of fewer bytes, and what may be left out of one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import BACKBONE

from neardup.bundle import Bundle
from neardup.detector import Detector
from neardup.distance import l2
from neardup.errors import ConfigError, NeardupError
from neardup.procedural import generate
from neardup.training.config import EncoderConfig, ExportConfig
from neardup.training.export.export import export
from neardup.training.export.quantize import halve_weights
from neardup.training.weights import initial_encoder

PICTURES = [generate(seed=1, index=index, size=48) for index in range(8)]


@pytest.fixture(scope="module")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, for an export goes into the run's folder by default."""
    folder = tmp_path_factory.mktemp("export") / "run"
    shutil.copytree(tiny_run, folder)
    return folder


@pytest.fixture(scope="module")
def half(run: Path) -> Bundle:
    return export(ExportConfig(ckpt=str(run), quantize="fp16"))


@pytest.fixture(scope="module")
def smallest(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Half the bits, no weights to train on from."""
    return export(
        ExportConfig(
            ckpt=str(run),
            out=str(tmp_path_factory.mktemp("smallest") / "bundle"),
            quantize="fp16",
            weights=False,
            licence="CC0",
            note="made for a test",
        )
    )


def start_from(bundle: Bundle) -> torch.nn.Module:
    config = EncoderConfig(backbone=BACKBONE, embedding_size=16, weights=str(bundle.directory))
    return initial_encoder(config, 32)[0].eval()


def test_fp16_is_smaller_and_answers_the_same(run: Path, half: Bundle) -> None:
    assert half.directory == run / "bundle-fp16"
    own = Bundle.load(run / "bundle")
    for name in ("encoder.onnx", "encoder.safetensors"):
        sizes = [(bundle.directory / name).stat().st_size for bundle in (half, own)]
        assert sizes[0] < 0.75 * sizes[1]  # names take much of a file as small as this
    before, after = (Detector.load(b.directory).embed(PICTURES) for b in (own, half))
    assert 0 < l2(before, after).max() < 5e-3
    cost = half.provenance["quantization"]
    assert cost["precision"] == "fp16"
    assert cost["distance_error"] < 5e-3
    assert cost["average_precision"]["fp16"] == pytest.approx(
        cost["average_precision"]["fp32"], abs=0.05
    )
    assert half.operating_points.keys() == own.operating_points.keys()


def test_training_can_start_from_fp16(run: Path, half: Bundle) -> None:
    found, own = start_from(half), start_from(Bundle.load(run / "bundle"))
    assert all(p.dtype == torch.float32 for p in found.parameters())
    images = torch.from_numpy(np.stack([picture[:32, :32] for picture in PICTURES]))
    with torch.no_grad():
        torch.testing.assert_close(found(images), own(images), atol=5e-3, rtol=0)


def test_a_bundle_for_inference_only(half: Bundle, smallest: Bundle) -> None:
    assert set(smallest.files) == {"encoder.onnx"}
    found = Detector.load(smallest.directory).embed(PICTURES)
    assert np.array_equal(found, Detector.load(half.directory).embed(PICTURES))
    start_from(smallest)  # and training may go on from it


def test_a_bundle_says_how_it_was_made_and_not_where(run: Path, smallest: Bundle) -> None:
    known = smallest.provenance
    assert (known["licence"], known["note"]) == ("CC0", "made for a test")
    assert known["config"]["trainer"]["max_steps"] == 7
    assert known["config"]["data"]["name"] == "procedural"
    for bundle in (smallest, Bundle.load(run / "bundle")):
        text = (bundle.directory / "bundle.json").read_text()
        assert json.loads(text)["provenance"]["config"]["run_dir"] == "run"
        assert '"/' not in text
        network = bundle.encoder_path.read_bytes()
        for folder in (Path(torch.__file__).parent, Path(__file__).parents[3]):
            assert str(folder).encode() not in network


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="quantize=int4: must be one of none, fp16, int8"):
        ExportConfig(ckpt="x", quantize="int4")


def test_another_bundle_is_not_overwritten_unasked(run: Path, tmp_path: Path) -> None:
    first = export(ExportConfig(ckpt=str(run), out=str(tmp_path / "bundle"), note="first"))
    with pytest.raises(ConfigError, match=r"out=.*overwrite=true"):
        export(ExportConfig(ckpt=str(run), out=str(first.directory)))
    assert Bundle.load(first.directory).provenance["note"] == "first"
    again = export(ExportConfig(ckpt=str(run), out=str(first.directory), overwrite=True))
    assert "note" not in again.provenance


def test_others_may_read_all_of_a_bundle(run: Path, half: Bundle) -> None:
    for folder in (run / "bundle", half.directory):
        modes = {path.name: path.stat().st_mode for path in folder.iterdir()}
        assert set(modes) == {"bundle.json", "encoder.onnx", "encoder.safetensors"}
        assert len(set(modes.values())) == 1, modes


def test_weights_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    state = {"project.weight": torch.full((2, 2), 1e6), "norm.weight": torch.full((2,), 1e6)}
    save_file(state, path)
    with pytest.raises(NeardupError, match=r"quantize=fp16: project\.weight"):
        halve_weights(path)
    torch.testing.assert_close(load_file(path), state)
