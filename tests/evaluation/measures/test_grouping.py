"""Group quality against plain loops."""

from itertools import combinations

import numpy as np
import pytest

from neardup.evaluation.measures.grouping import find_groups, quality


def by_loops(found, true, ignored):
    pairs = [p for p in combinations(range(len(true)), 2) if p not in ignored]
    called = {(a, b) for a, b in pairs if found[a] == found[b]}
    actual = {(a, b) for a, b in pairs if true[a] == true[b]}
    precision, recall = [], []
    for i in range(len(true)):
        mine = {j for j in range(len(true)) if found[j] == found[i]}
        truly = {j for j in range(len(true)) if true[j] == true[i]}
        precision.append(len(mine & truly) / len(mine))
        recall.append(len(mine & truly) / len(truly))
    return {
        "pair_precision": len(called & actual) / len(called) if called else 1.0,
        "pair_recall": len(called & actual) / len(actual) if actual else 1.0,
        "bcubed_precision": np.mean(precision),
        "bcubed_recall": np.mean(recall),
        "over_merged": sum(
            len({t for f, t in zip(found, true, strict=True) if f == g}) > 1 for g in set(found)
        ),
        "split": sum(
            len({f for f, t in zip(found, true, strict=True) if t == g}) > 1 for g in set(true)
        ),
    }


@pytest.mark.parametrize("seed", range(20))
def test_quality_is_what_loops_say(seed):
    rng = np.random.default_rng(seed)
    found, true = rng.integers(0, 6, size=(2, 15)).tolist()
    ignored = {(0, 1), (3, 9)} if seed % 2 else set()
    both_ways = np.array([p for a, b in ignored for p in ((a, b), (b, a))]).reshape(-1, 2)
    result = quality(np.array(found), np.array(true), both_ways)
    for name, value in by_loops(found, true, ignored).items():
        assert getattr(result, name) == pytest.approx(value), name


def test_perfect_and_empty_groupings():
    true = np.array([0, 0, 1, 2, 2])
    perfect = quality(true, true)
    assert perfect.over_merged == perfect.split == 0
    assert perfect.pair_precision == perfect.pair_recall == perfect.bcubed_recall == 1
    assert perfect.true_groups == perfect.found_groups == 2
    alone = quality(np.arange(5), true)
    assert (alone.pair_precision, alone.pair_recall, alone.split) == (1.0, 0.0, 2)


def test_groups_are_those_of_the_engine_without_chains():
    angles = np.array([0.0, 0.2, 0.4, 2.0, 2.1])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    labels = find_groups(vectors, 0.25)
    assert labels[0] == labels[1]
    assert labels[2] not in (labels[0], labels[3])
    assert labels[3] == labels[4]
