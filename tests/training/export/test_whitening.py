"""PCA whitening: the formula, and that a bundle carries it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from neardup.bundle import Bundle
from neardup.detector import Detector
from neardup.errors import ConfigError
from neardup.procedural import generate
from neardup.training.checkpoints import best_checkpoint, load_checkpoint
from neardup.training.config import ExportConfig
from neardup.training.data.sources import load_sources
from neardup.training.encoder import TorchEmbedder
from neardup.training.export.export import export, whiten
from neardup.training.weights import load_weights

PICTURES = [generate(seed=1, index=index, size=48) for index in range(8)]


@pytest.fixture(scope="module")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whitening") / "run"
    shutil.copytree(tiny_run, folder)
    return folder


@pytest.fixture(scope="module")
def whitened(run: Path) -> Bundle:
    return export(ExportConfig(ckpt=str(run), out=str(run / "whitened"), whiten=True))


def test_it_is_the_formula(run: Path, whitened: Bundle) -> None:
    encoder, config, _ = load_checkpoint(best_checkpoint(run))
    embed = TorchEmbedder(encoder, 32)
    train = load_sources(config.data, max_zoom=config.augment.max_zoom, show=False).train
    known = embed([train[i] for i in range(len(train))]).astype(np.float64)
    variance, directions = np.linalg.eigh(np.cov(known, rowvar=False))
    variance = np.maximum(variance, 1e-4 * variance.max())
    expected = (embed(PICTURES) - known.mean(axis=0)) @ directions / np.sqrt(variance)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = Detector.load(whitened.directory).embed(PICTURES)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=2e-3)
    assert whitened.provenance["whitened"] is True


def test_the_weights_of_the_bundle_are_whitened_too(run: Path, whitened: Bundle) -> None:
    encoder, _, _ = load_checkpoint(best_checkpoint(run))
    load_weights(encoder, whitened.directory)
    found = Detector.load(whitened.directory).embed(PICTURES)
    np.testing.assert_allclose(TorchEmbedder(encoder, 32)(PICTURES), found, atol=1e-4)


def test_too_few_images_are_refused(run: Path) -> None:
    encoder, _, _ = load_checkpoint(best_checkpoint(run))
    with pytest.raises(ConfigError, match="whiten=true: needs more than 16 training images"):
        whiten(encoder, PICTURES, 32)
