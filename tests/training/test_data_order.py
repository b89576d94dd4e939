"""What is trained on depends on (seed, epoch, index) and on nothing else."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from neardup.procedural import generate
from neardup.training.config import AugmentConfig
from neardup.training.data.datamodule import (
    Pair,
    PairDataset,
    PairKey,
    StepBatchSampler,
    find_look_alikes,
    side_by_side,
)
from neardup.training.views import ViewMaker

SOURCES, BATCH, PER_ROUND, STEPS = 10, 4, 5, 12  # 48 pairs: almost five passes over the sources


def sampler(*, seed: int = 7, **share: int) -> StepBatchSampler:
    return StepBatchSampler(
        num_sources=SOURCES,
        batch_size=BATCH,
        steps_per_round=PER_ROUND,
        max_steps=STEPS,
        seed=seed,
        **share,
    )


def stream(batches: StepBatchSampler, rounds: Sequence[int] = (0, 1, 2)) -> list[list[PairKey]]:
    found = []
    for number in rounds:
        batches.set_epoch(number)
        found += list(batches)
    return found


def test_rounds_are_one_stream_of_shuffles() -> None:
    batches = stream(sampler())
    assert [len(batch) for batch in batches] == [BATCH] * STEPS
    keys = list(itertools.chain(*batches))
    assert [epoch for epoch, _ in keys] == [place // SOURCES for place in range(len(keys))]
    passes = [[i for e, i in keys if e == epoch] for epoch in range(5)]
    assert all(sorted(one) == list(range(SOURCES)) for one in passes[:4])
    assert len({tuple(one) for one in passes[:4]}) == 4
    assert stream(sampler(seed=8)) != batches


def test_a_resumed_round_has_the_same_keys() -> None:
    assert stream(sampler(), (2,)) == stream(sampler())[10:]
    assert stream(sampler(), (1,)) == stream(sampler())[5:10]


@pytest.mark.parametrize("world_size", [2, 4])
def test_the_shares_of_the_processes_make_up_the_batch(world_size: int) -> None:
    shares = [stream(sampler(rank=rank, world_size=world_size)) for rank in range(world_size)]
    for step, batch in enumerate(stream(sampler())):
        assert all(len(share[step]) == BATCH // world_size for share in shares)
        assert sorted(itertools.chain(*(share[step] for share in shares))) == sorted(batch)


@pytest.fixture(scope="module")
def dataset() -> PairDataset:
    images = [generate(5, index, 48) for index in range(SOURCES)]
    certain = AugmentConfig(identity_share=0.0, colour_probability=1.0)  # no view is untouched
    return PairDataset(images, ViewMaker(certain, 32), seed=7)


def pairs(dataset: PairDataset, workers: int) -> list[Pair]:
    """Three rounds through one loader, as in training: its workers live on."""
    batches = sampler()
    loader = DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context="fork" if workers else None,
    )
    found = []
    for number in range(3):
        batches.set_epoch(number)
        found += list(loader)
    return found


@pytest.fixture(scope="module")
def expected(dataset: PairDataset) -> list[Pair]:
    return pairs(dataset, 0)


@pytest.mark.parametrize("workers", [2, 4])
def test_the_number_of_workers_changes_nothing(
    dataset: PairDataset, expected: list[Pair], workers: int
) -> None:
    found = pairs(dataset, workers)
    assert len(found) == len(expected) == STEPS
    for mine, other in zip(found, expected, strict=True):
        assert all(torch.equal(mine[key], other[key]) for key in Pair.__annotations__)


def test_every_view_of_every_epoch_is_another(expected: list[Pair]) -> None:
    views = [view.numpy() for pair in expected for name in ("anchor", "positive")
             for view in pair[name]]  # fmt: skip
    assert len({view.tobytes() for view in views}) == len(views) == 2 * BATCH * STEPS


def test_pairs_do_not_depend_on_what_was_drawn_before(dataset: PairDataset) -> None:
    first = dataset[(3, 4)]
    np.random.seed(1)
    torch.manual_seed(1)
    for index in range(SOURCES):
        dataset[(0, index)]
    again = dataset[(3, 4)]
    assert torch.equal(first["anchor"], again["anchor"])
    assert torch.equal(first["positive"], again["positive"])
    assert first["source"] == again["source"] == 4
    other_seed = PairDataset(dataset.images, dataset.make_view, seed=8)[(3, 4)]
    assert not torch.equal(first["anchor"], other_seed["anchor"])


def test_look_alikes_share_a_batch() -> None:
    """Ten sources that look alike in fives; every pass still sees each once."""
    alike = np.array([[(i + k) % 5 + i // 5 * 5 for k in (1, 2, 3, 4)] for i in range(SOURCES)])
    batches = StepBatchSampler(
        num_sources=SOURCES, batch_size=5, steps_per_round=4, max_steps=4, seed=7,
        look_alikes=alike,
    )  # fmt: skip
    for batch in batches:
        assert len({index // 5 for _, index in batch}) == 1
    keys = list(itertools.chain(*batches))
    assert sorted(index for epoch, index in keys if epoch == 0) == list(range(SOURCES))


def test_a_source_whose_look_alikes_are_placed_already_stands_alone() -> None:
    alike = np.array([[1, -1], [0, 2], [1, 0], [2, 0]])
    assert side_by_side(np.array([0, 3, 2, 1]), alike).tolist() == [0, 1, 3, 2]


def test_look_alikes_are_the_nearest_that_are_no_copies() -> None:
    angles = np.deg2rad([0, 10, 40, 50, 180])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    class Lookup(torch.nn.Module):
        mean = torch.zeros(1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(points)[images[:, 0, 0, 0].long()]

    pictures = [np.full((8, 8, 3), place, np.uint8) for place in range(5)]
    found = find_look_alikes(Lookup(), pictures, 8, count=2)
    assert found.tolist() == [[-1, 2], [-1, 2], [-1, 1], [-1, 1], [3, 2]]
