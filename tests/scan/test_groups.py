import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neardup.scan.grouping import group
from neardup.search.choice import search
from neardup.search.exact import Pairs, pairs_within


def make_pairs(*triples):
    left, right, distance = zip(*triples, strict=True) if triples else ((), (), ())
    return Pairs(
        np.array(left, dtype=np.int64),
        np.array(right, dtype=np.int64),
        np.array(distance, dtype=np.float32),
    )


def as_sets(groups):
    return [{found.representative, *found.members.tolist()} for found in groups]


def test_no_chains():
    chain = make_pairs((0, 1, 0.1), (1, 2, 0.1), (2, 3, 0.1), (3, 4, 0.1))
    groups = group(chain, np.arange(5))
    assert as_sets(groups) == [{0, 1}, {2, 3}]


def test_the_best_copy_represents_and_the_nearest_wins():
    pairs = make_pairs((0, 1, 0.3), (1, 2, 0.2))
    (found,) = group(pairs, np.array([1, 0, 2]))
    assert found.representative == 1
    assert found.members.tolist() == [2, 0]
    assert np.allclose(found.distance, [0.2, 0.3])
    # 1 is within reach of 0, the best of all, but nearer to 2, which therefore gets it.
    (found,) = group(make_pairs((0, 1, 0.3), (1, 2, 0.2), (2, 3, 0.1)), np.array([0, 3, 1, 2]))
    assert found.representative == 2
    assert found.members.tolist() == [3, 1]


def test_nothing_to_group():
    assert group(make_pairs(), np.arange(0)) == []
    assert group(make_pairs(), np.arange(7)) == []


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 40),
    threshold=st.floats(0.05, 1.9),
    data=st.data(),
)
def test_promises(seed, n, threshold, data):
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    rank = rng.permutation(n)
    pairs = pairs_within(vectors, threshold)
    groups = group(pairs, rank)
    near = {
        frozenset(pair): distance
        for *pair, distance in zip(*(column.tolist() for column in pairs), strict=True)
    }
    sets = as_sets(groups)
    assert sum(map(len, sets)) == len(set().union(*sets)), "a row in two groups"
    representatives = [found.representative for found in groups]
    for found in groups:
        assert len(found.members) > 0
        for member, distance in zip(found.members.tolist(), found.distance.tolist(), strict=True):
            assert near[frozenset((found.representative, member))] == distance
            assert rank[found.representative] < rank[member]
            assert distance == min(
                near.get(frozenset((other, member)), 9)
                for other in representatives
                if rank[other] < rank[member]
            )
    for i, first in enumerate(representatives):
        for second in representatives[i + 1 :]:
            assert frozenset((first, second)) not in near
    # Whoever has a duplicate is with it or with a nearer one.
    grouped = set().union(*sets)
    for pair in near:
        assert pair & grouped
    # Neither the order of the pairs nor that of the rows matters.
    order = rng.permutation(len(pairs.left))
    again = group(Pairs(*(column[order] for column in pairs)), rank)
    assert as_sets(again) == sets
    shuffle = rng.permutation(n)
    moved = group(pairs_within(vectors[shuffle], threshold), rank[shuffle])
    assert [{int(shuffle[row]) for row in rows} for rows in as_sets(moved)] == sets


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), threshold=st.floats(0.05, 1.0))
def test_many_equal_vectors_are_grouped_though_few_of_their_pairs_are_given(seed, threshold):
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, 3)[rng.integers(0, 3, 120)]
    angle[::10] = rng.uniform(0, 2 * np.pi, 12)
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    rank = rng.permutation(120)
    whole = pairs_within(vectors, threshold)
    pairs, how = search(vectors, threshold)
    assert "paired through one" in how
    assert len(pairs.left) < len(whole.left) / 4
    groups = group(pairs, rank)
    near = {
        frozenset(pair): distance
        for *pair, distance in zip(*(column.tolist() for column in whole), strict=True)
    }
    group_of = {}
    for found in groups:
        group_of[found.representative] = found.representative
        for member, distance in zip(found.members.tolist(), found.distance.tolist(), strict=True):
            assert member not in group_of
            group_of[member] = found.representative
            assert near[frozenset((found.representative, member))] == distance
            assert rank[found.representative] < rank[member]
        assert (np.diff(found.distance) >= 0).all()
    assert [found.representative for found in groups] == sorted(
        (found.representative for found in groups), key=rank.__getitem__
    )
    for pair, distance in near.items():
        assert pair & group_of.keys()
        i, j = pair
        if distance == 0:
            assert group_of[i] == group_of[j], "equal vectors stay together"
