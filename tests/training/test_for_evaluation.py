"""What an evaluation takes from training."""

import numpy as np
from tiny import BACKBONE, tiny_config

from neardup.bundle import Bundle
from neardup.embedder import Embedder
from neardup.images.network_input import PREPROCESSING
from neardup.training import schema
from neardup.training.config import FolderConfig
from neardup.training.data.sources import load_sources
from neardup.training.for_evaluation import procedural_test_split, untrained


def test_procedural_pictures_are_drawn_again(tmp_path):
    config = tiny_config(tmp_path)
    schema.save(config)
    split = procedural_test_split(tmp_path, most=5)
    assert split is not None
    assert len(split.names) == 5
    of_the_run = load_sources(config.data, show=False).test
    assert all(np.array_equal(split.load(i), of_the_run[i]) for i in range(5))


def test_a_run_on_files_has_none(tmp_path):
    schema.save(tiny_config(tmp_path, data=FolderConfig(root=str(tmp_path), batch_size=8)))
    assert procedural_test_split(tmp_path, most=5) is None


def test_the_untrained_twin_takes_the_same_pictures(tmp_path):
    bundle = Bundle(
        directory=tmp_path,
        backbone=BACKBONE,
        embedding_size=16,
        image_size=32,
        preprocessing=PREPROCESSING,
        operating_points={},
        default_at="",
    )
    twin = untrained(bundle, tmp_path / "twin", seed=0)
    again = untrained(bundle, tmp_path / "again", seed=0)
    squares = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    vectors = Embedder(twin.encoder_path)(squares)
    assert vectors.shape == (2, 16)
    np.testing.assert_array_equal(vectors, Embedder(again.encoder_path)(squares))
