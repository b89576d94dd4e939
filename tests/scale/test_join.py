import numpy as np
import pytest

from neardup.search.exact import pairs_within

pytest.importorskip("ray")
pytest.importorskip("faiss")
from neardup.scale.join import find_pairs, join, plan
from neardup.search.choice import search


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def collection(n, seed=0):
    """Clusters, and one picture that is there a hundred times, nearly."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n // 10, 32))
    vectors = centres[rng.integers(0, len(centres), n)] + 0.3 * rng.normal(size=(n, 32))
    vectors[:100] = vectors[0] + 0.001 * rng.normal(size=(100, 32))
    return unit(vectors)


def keys(pairs):
    return {*zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)}


def test_few_vectors_are_searched_exactly(ray):
    vectors = collection(500)
    found, how = join(ray, vectors, 0.7)
    assert "exact" in how
    assert keys(found) == keys(pairs_within(vectors, 0.7))
    assert np.array_equal(found.distance, pairs_within(vectors, 0.7).distance)


def test_cells_find_nearly_all_within_and_across(ray):
    vectors, others = collection(3000), collection(1000)
    for b in (None, others):
        found, how = join(ray, vectors, 0.6, b, capacity=500)
        truth = keys(pairs_within(vectors, 0.6, b))
        assert len(found.left) == len(keys(found)), "each pair once"
        assert keys(found) <= truth
        assert len(keys(found)) > 0.97 * len(truth)
        assert "recall measured" in how


def test_many_equal_vectors_leave_room_for_all_other_pairs(ray, monkeypatch):
    monkeypatch.setattr("neardup.scale.join.ON_THE_DRIVER", 100)
    vectors = collection(3000)
    vectors[1::2] = vectors[1]
    found, how = find_pairs(ray, vectors, 0.6)
    expected, _ = search(vectors, 0.6)
    assert keys(found) == keys(expected)
    assert "1,499 pictures" in how


def test_no_task_is_larger_than_a_cell_may_be_however_alike_the_pictures_are():
    alike = collection(2000)
    alike[:] = alike[0]
    tasks = list(plan(alike, None, 300))
    assert all(len(t.a) <= 300 and len(t.b) <= 1500 for t in tasks)
    assert all(len(t.a) * len(t.b) <= 300**2 for t in tasks)
    assert sum(len(t.a) * len(t.b) for t in tasks) >= len(alike) ** 2 / 2, "they are all compared"
