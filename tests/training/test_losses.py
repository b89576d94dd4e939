"""Every loss against a loop that anybody can check."""

import math
from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from neardup.training.config import ContrastiveConfig, LossConfig, NTXentConfig, TripletConfig
from neardup.training.losses import Loss, koleo

SOURCE = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 4, 2])  # sources 2 and 4 have three views
DTYPES = [torch.float32, torch.float64]


def on_sphere(rows: int, dtype: torch.dtype = torch.float64, *, seed: int = 0) -> Tensor:
    """Random unit vectors in three dimensions, so that neighbours are near."""
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, 3, generator=generator, dtype=torch.float64)).to(dtype)


def pair_term(config: LossConfig, embeddings: Tensor, source: Tensor = SOURCE) -> float:
    return float(Loss(config, embeddings.shape[1])(embeddings, source)["pair"])


def triplets(e: Tensor, source: Tensor) -> list[tuple[int, float, float]]:
    """(anchor, distance to positive, distance to negative) of every triplet."""
    n = len(source)
    return [
        (a, math.dist(e[a], e[p]), math.dist(e[a], e[q]))
        for a, p, q in product(range(n), repeat=3)
        if a != p and source[a] == source[p] and source[a] != source[q]
    ]


def mean_of_active(costs: list[float]) -> float:
    active = [cost for cost in costs if cost > 0]
    return sum(active) / len(active) if active else 0.0


def naive_contrastive(e: Tensor, source: Tensor, margin: float, positive_margin: float) -> float:
    positive, negative = [], []
    for i, j in product(range(len(source)), repeat=2):
        d = math.dist(e[i], e[j])
        if source[i] != source[j]:
            negative.append(max(0.0, margin - d) ** 2 / 2)
        elif i != j:
            positive.append(max(0.0, d - positive_margin) ** 2 / 2)
    return mean_of_active(positive) + mean_of_active(negative)


def naive_ntxent(
    e: Tensor,
    source: Tensor,
    others: Tensor,
    others_source: Tensor,
    temperature: float,
    *,
    pooled: bool = False,
) -> float:
    """Rows ``e`` against ``others``, whose last rows are ``e`` itself."""
    shift, costs = len(others) - len(e), []
    pushes = [
        sum(
            math.exp(float(row @ others[k]) / temperature)
            for k in range(len(others))
            if others_source[k] != its_source
        )
        for row, its_source in zip(e, source, strict=True)
    ]
    for i, j in product(range(len(e)), range(len(others))):
        if source[i] != others_source[j] or j == i + shift:
            continue
        pull = math.exp(float(e[i] @ others[j]) / temperature)
        push = sum(pushes) / len(pushes) if pooled else pushes[i]
        costs.append(-math.log(pull / (pull + push)))
    return sum(costs) / len(costs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("margins", [(1.0, 0.0), (1.4, 0.3), (0.2, 1.9)])
def test_contrastive_is_hadsells(margins: tuple[float, float], dtype: torch.dtype) -> None:
    e = on_sphere(len(SOURCE), dtype)
    config = ContrastiveConfig(margin=margins[0], positive_margin=margins[1])
    assert pair_term(config, e) == pytest.approx(naive_contrastive(e, SOURCE, *margins), rel=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("margin", [0.1, 0.5])
def test_triplet_over_all(margin: float, dtype: torch.dtype) -> None:
    e = on_sphere(len(SOURCE), dtype)
    costs = [p - n + margin for _, p, n in triplets(e, SOURCE)]
    found = pair_term(TripletConfig(miner="all", margin=margin), e)
    assert found == pytest.approx(mean_of_active(costs), rel=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("margin", [0.1, 0.5])
def test_triplet_semi_hard(margin: float, dtype: torch.dtype) -> None:
    """Schroff et al.: the negative is farther than the positive, but by less than the margin."""
    e = on_sphere(len(SOURCE), dtype)
    costs = [p - n + margin for _, p, n in triplets(e, SOURCE) if 0 < n - p < margin]
    assert costs
    found = pair_term(TripletConfig(miner="semi_hard", margin=margin), e)
    assert found == pytest.approx(mean_of_active(costs), rel=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_triplet_batch_hard(dtype: torch.dtype) -> None:
    """Hermans et al., eq. 5: each anchor's farthest positive and nearest negative."""
    e = on_sphere(len(SOURCE), dtype)
    every = triplets(e, SOURCE)
    costs = [
        max(p for a, p, _ in every if a == anchor)
        - min(n for a, _, n in every if a == anchor)
        + 0.3
        for anchor in range(len(SOURCE))
    ]
    found = pair_term(TripletConfig(miner="batch_hard", margin=0.3), e)
    assert found == pytest.approx(mean_of_active(costs), rel=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("temperature", [0.05, 0.5])
@pytest.mark.parametrize("pooled", [False, True])
def test_ntxent(pooled: bool, temperature: float, dtype: torch.dtype) -> None:
    e = on_sphere(len(SOURCE), dtype)
    expected = naive_ntxent(e, SOURCE, e, SOURCE, temperature, pooled=pooled)
    config = NTXentConfig(temperature=temperature, pooled=pooled)
    assert pair_term(config, e) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_koleo(dtype: torch.dtype) -> None:
    e = on_sphere(len(SOURCE), dtype)
    nearest = [
        min(math.dist(e[i], e[j]) for j in range(len(e)) if SOURCE[i] != SOURCE[j])
        for i in range(len(e))
    ]
    expected = -sum(map(math.log, nearest)) / len(nearest)
    assert float(koleo(e, SOURCE)) == pytest.approx(expected, rel=1e-4)


def test_the_total_is_the_weighted_sum() -> None:
    e = on_sphere(len(SOURCE))
    parts = Loss(NTXentConfig(koleo_weight=0.7), 3)(e, SOURCE)
    assert parts["total"] == pytest.approx(parts["pair"] + 0.7 * parts["koleo"])


@pytest.mark.parametrize("config", [NTXentConfig(koleo_weight=1.0), TripletConfig()])
def test_mixed_precision_does_not_reach_the_loss(config: LossConfig) -> None:
    e = on_sphere(len(SOURCE), torch.float32)
    expected = Loss(config, 3)(e, SOURCE)["total"]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(Loss(config, 3)(e, SOURCE)["total"], expected)


CONFIGS = {
    "contrastive": ContrastiveConfig(),
    "all": TripletConfig(miner="all"),
    "semi_hard": TripletConfig(miner="semi_hard"),
    "batch_hard": TripletConfig(miner="batch_hard"),
    "ntxent": NTXentConfig(),
    "ntxent, pooled": NTXentConfig(pooled=True),
    "ntxent, spread": NTXentConfig(koleo_weight=1.0),
    "ntxent, memory": NTXentConfig(memory_size=16),
    "triplet, memory": TripletConfig(memory_size=16),
    "contrastive, memory": ContrastiveConfig(memory_size=16),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(
    "source", [[0, 0, 0, 0], [0, 1, 2, 3], [0, 0, 1, 2]], ids=["one source", "no pair", "one pair"]
)
def test_batches_without_a_valid_pair_cost_something_finite(name: str, source: list[int]) -> None:
    e = on_sphere(4).requires_grad_()
    total = Loss(CONFIGS[name], 3)(e, torch.tensor(source))["total"]
    total.backward()
    assert torch.isfinite(total)
    assert e.grad is not None
    assert torch.isfinite(e.grad).all()


@pytest.mark.parametrize("name", CONFIGS)
def test_identical_views_have_a_finite_gradient(name: str) -> None:
    rows = on_sphere(3)
    rows = torch.cat([rows, rows, rows[:1]])  # and a negative on the very same spot
    e = rows.clone().requires_grad_()
    Loss(CONFIGS[name], 3)(e, torch.tensor([0, 1, 2, 0, 1, 2, 3]))["total"].backward()
    assert e.grad is not None
    assert torch.isfinite(e.grad).all()


@pytest.mark.parametrize("name", ["contrastive", "all", "batch_hard", "ntxent", "ntxent, pooled"])
def test_a_closer_positive_never_costs_more(name: str) -> None:
    """The positive turns towards the anchor in a plane at right angles to the negatives."""
    costs = []
    for degrees in (120, 90, 60, 30, 10, 0):
        angle = math.radians(degrees)
        e = torch.eye(4, dtype=torch.float64)
        e[1] = torch.tensor([math.cos(angle), math.sin(angle), 0.0, 0.0])
        costs.append(pair_term(CONFIGS[name], e, torch.tensor([0, 0, 1, 2])))
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]


def test_memory_adds_past_negatives() -> None:
    loss = Loss(NTXentConfig(temperature=0.5, memory_size=30), 3)
    past, now = on_sphere(len(SOURCE), seed=1), on_sphere(len(SOURCE), seed=2)
    assert float(loss(past, SOURCE)["pair"]) == pytest.approx(
        naive_ntxent(past, SOURCE, past, SOURCE, 0.5), rel=1e-4
    )
    known, known_source = torch.cat([past, now]), torch.cat([SOURCE + 3, SOURCE])
    loss = Loss(NTXentConfig(temperature=0.5, memory_size=30), 3)
    loss(past, SOURCE + 3)
    assert float(loss(now, SOURCE)["pair"]) == pytest.approx(
        naive_ntxent(now, SOURCE, known, known_source, 0.5), rel=1e-4
    )


@pytest.mark.parametrize("batches", [1, 2, 4])
def test_memory_survives_a_checkpoint(batches: int) -> None:
    """Four batches of 12 have filled a memory of 30 and begun to overwrite it."""
    config = NTXentConfig(memory_size=30)
    loss, restored = Loss(config, 3), Loss(config, 3)
    for seed in range(batches):
        loss(on_sphere(len(SOURCE), torch.float32, seed=seed), SOURCE)
    restored.load_state_dict(loss.state_dict())
    for seed in (10, 11):
        e = on_sphere(len(SOURCE), torch.float32, seed=seed)
        assert torch.equal(restored(e, SOURCE)["total"], loss(e, SOURCE)["total"])
