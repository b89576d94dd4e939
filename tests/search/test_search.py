import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neardup.distance import l2
from neardup.search import choice as strategy
from neardup.search import exact as search_module
from neardup.search.exact import nearest_pairs, pairs_within


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clustered(rng, n, size, spread=0.1):
    centres = rng.normal(size=(max(1, n // 5), size))
    return unit(centres[rng.integers(0, len(centres), n)] + spread * rng.normal(size=(n, size)))


def by_definition(a, b, threshold):
    return {
        (i, j): l2(a[i], b[j])
        for i in range(len(a))
        for j in range(len(b))
        if l2(a[i], b[j]) <= np.float32(threshold)
    }


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 60),
    size=st.sampled_from([2, 8, 40, 96]),
    threshold=st.floats(0, 2),
    projected=st.booleans(),
)
def test_nothing_is_missed_and_nothing_invented(seed, n, size, threshold, projected):
    vectors = clustered(np.random.default_rng(seed), n, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_module, "_WORTH_PROJECTING", 0 if projected else 10**9)
        found = pairs_within(vectors, threshold)
    expected = {k: d for k, d in by_definition(vectors, vectors, threshold).items() if k[0] < k[1]}
    pairs = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert dict(zip(pairs, found.distance, strict=True)) == expected
    assert pairs == sorted(pairs)


def test_across_two_sets(monkeypatch):
    monkeypatch.setattr(search_module, "_WORTH_PROJECTING", 0)
    monkeypatch.setattr(search_module, "_BLOCK", 16)
    rng = np.random.default_rng(0)
    a, b = clustered(rng, 50, 64), clustered(rng, 70, 64)
    b[:10] = a[:10]
    found = pairs_within(a, 0.6, b)
    expected = by_definition(a, b, 0.6)
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == set(expected)
    assert pairs_within(a[:0], 0.6, b).left.shape == (0,)
    assert pairs_within(a, 0.6, b[:0]).left.shape == (0,)


@pytest.mark.parametrize("block", [7, 64, 2048])
def test_blocks_and_order_do_not_matter(monkeypatch, block):
    monkeypatch.setattr(search_module, "_WORTH_PROJECTING", 0)
    rng = np.random.default_rng(1)
    vectors = clustered(rng, 400, 128)
    whole = pairs_within(vectors, 0.9)
    assert len(whole.left) > 100
    monkeypatch.setattr(search_module, "_BLOCK", block)
    monkeypatch.setattr(search_module, "_VERIFY", block)
    order = rng.permutation(400)
    shuffled = pairs_within(vectors[order], 0.9)
    pairs = np.sort(np.stack([order[shuffled.left], order[shuffled.right]]), axis=0)
    again = dict(zip(map(tuple, pairs.T.tolist()), shuffled.distance, strict=True))
    pairs = np.stack([whole.left, whole.right]).T.tolist()
    assert again == dict(zip(map(tuple, pairs), whole.distance, strict=True))


def test_the_borderline_is_the_definition_of_distance():
    rng = np.random.default_rng(2)
    vectors = clustered(rng, 200, 512)
    exact = pairs_within(vectors, 0.2)
    for threshold in exact.distance[:: len(exact.distance) // 20]:
        count = int((exact.distance <= threshold).sum())
        assert len(pairs_within(vectors, float(threshold)).left) == count


@pytest.mark.parametrize("limit", [1, 10, 100, 5000])
def test_too_many_pairs_keep_the_nearest(monkeypatch, limit):
    monkeypatch.setattr(search_module, "_BLOCK", 32)
    monkeypatch.setattr(search_module, "_VERIFY", 64)
    vectors = clustered(np.random.default_rng(5), 150, 16)
    vectors[:20] = vectors[0]  # 190 pairs at distance 0
    whole = pairs_within(vectors, 1.2)
    kept = nearest_pairs(vectors, 1.2, limit=limit)
    expected = np.sort(np.argsort(whole.distance, kind="stable")[:limit])
    assert len(whole.left) > 300
    assert np.array_equal(kept.left, whole.left[expected])
    assert np.array_equal(kept.right, whole.right[expected])
    monkeypatch.setattr(strategy, "MAX_PAIRS", 100)
    assert strategy.search(vectors, 1.2)[1].startswith("cut short")


def test_memory_does_not_grow_with_the_square():
    import tracemalloc

    def peak(n):
        vectors = unit(np.random.default_rng(3).normal(size=(n, 32)))
        tracemalloc.start()
        pairs_within(vectors, 0.1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak(16_000) < 2 * peak(4_000) + 30e6  # all distances of 16,000 would take 1 GB


def test_inverted_file_finds_nearly_all_and_says_how_many(monkeypatch):
    pytest.importorskip("faiss")
    rng = np.random.default_rng(4)
    vectors = clustered(rng, 3000, 64)
    exact, how = strategy.search(vectors, 0.7)
    assert "exact" in how
    monkeypatch.setattr(strategy, "EXACT_UP_TO", 1000)
    found, how = strategy.search(vectors, 0.7)
    recall = float(how.split()[-1])
    pairs = {*zip(found.left.tolist(), found.right.tolist(), strict=True)}
    truth = {*zip(exact.left.tolist(), exact.right.tolist(), strict=True)}
    assert len(pairs) == len(found.left)
    assert pairs <= truth
    assert abs(len(pairs) / len(truth) - recall) < 0.05
    assert recall > 0.9
    across, _ = strategy.search(vectors[:50], 0.7, vectors)
    assert (across.distance <= 0.7).all()
    assert len(across.left) >= 50


@pytest.mark.parametrize("within_one", [True, False])
def test_the_inverted_file_keeps_no_more_pairs_than_the_exact_search(monkeypatch, within_one):
    pytest.importorskip("faiss")
    vectors = clustered(np.random.default_rng(4), 3000, 64)
    others = None if within_one else vectors[::2].copy()
    monkeypatch.setattr(strategy, "MAX_PAIRS", 200)
    exact, _ = strategy.search(vectors, 1.2, others)
    monkeypatch.setattr(strategy, "EXACT_UP_TO", 1000)
    found, how = strategy.search(vectors, 1.2, others)
    assert "cut short" in how
    assert len(found.left) == 200
    pairs = {*zip(found.left.tolist(), found.right.tolist(), strict=True)}
    truth = {*zip(exact.left.tolist(), exact.right.tolist(), strict=True)}
    assert len(pairs) == 200
    assert len(pairs & truth) > 180, "the nearest, but for what the cells miss"


@pytest.mark.parametrize("size", [40, 128])
def test_the_inverted_file_finds_planted_copies_of_evenly_spread_vectors(size):
    pytest.importorskip("faiss")
    from neardup.search import inverted

    rng = np.random.default_rng(6)
    vectors = unit(rng.normal(size=(6_000, size)))
    copies = unit(vectors[:200] + 0.7 * unit(rng.normal(size=(200, size))))
    vectors[1000:1200] = copies
    pairs, recall = inverted.pairs_within(vectors, 0.75, limit=10**6)
    found = {*zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)}
    planted = {(i, 1000 + i) for i in range(200) if l2(vectors[i], vectors[1000 + i]) <= 0.75}
    assert len(planted) > 150
    assert len(planted & found) >= 0.97 * len(planted)
    assert 0 <= recall <= 1


def test_the_inverted_file_bears_a_picture_that_is_there_a_thousand_times():
    pytest.importorskip("faiss")
    from neardup.search import inverted

    vectors = unit(np.random.default_rng(7).normal(size=(3000, 64)))
    vectors[::3] = vectors[0]
    pairs, recall = inverted.pairs_within(vectors, 0.3, limit=10**6)
    assert len(pairs.left) == 1000 * 999 // 2
    assert recall == 1
    assert len(inverted.pairs_within(vectors, 0.3, limit=100)[0].left) == 100


@pytest.mark.parametrize("exact_up_to", [10**6, 1000])
@pytest.mark.parametrize("within_one", [True, False])
def test_many_equal_vectors_leave_room_for_all_other_pairs(monkeypatch, exact_up_to, within_one):
    if exact_up_to < 10**6:
        pytest.importorskip("faiss")
    monkeypatch.setattr(strategy, "EXACT_UP_TO", exact_up_to)
    monkeypatch.setattr(strategy, "MAX_PAIRS", 20_000)
    rng = np.random.default_rng(8)
    vectors = clustered(rng, 4000, 64)
    vectors[::2] = vectors[0]
    expected = {*zip(*pairs_within(vectors[1::2], 0.5)[:2], strict=True)}
    found, how = strategy.search(vectors, 0.5, None if within_one else vectors.copy())
    assert "1,999 pictures" in how or "3,998 pictures" in how
    assert set(np.arange(0, 4000, 2)) <= {*found.left, *found.right}
    pairs = {(i // 2, j // 2) for i, j in zip(*found[:2], strict=True) if i % 2 and j % 2}
    assert len(pairs & expected) >= 0.95 * len(expected) > 0


def test_equal_vectors_alone(monkeypatch):
    monkeypatch.setattr(strategy, "EXACT_UP_TO", 1000)
    vectors = np.tile(unit(np.ones((1, 16))), (3000, 1))
    found, _ = strategy.search(vectors, 0.5)
    assert found.right.tolist() == list(range(1, 3000))
    assert not found.left.any()
    across, _ = strategy.search(vectors, 0.5, vectors[:100])
    assert {*across.left} == {*range(3000)}
    assert {*across.right} == {*range(100)}
