import numpy as np

from neardup.distance import l2, l2_matrix


def unit(rng, *shape):
    vectors = rng.normal(size=shape)
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def test_known_distances():
    east, north, west = np.array([[1, 0], [0, 1], [-1, 0]], dtype=np.float32)
    assert l2(east, east) == 0
    assert l2(east, west) == 2
    assert np.isclose(l2(east, north), np.sqrt(2))
    assert l2(east, north).dtype == np.float32


def test_both_functions_agree_even_near_zero():
    rng = np.random.default_rng(0)
    a = unit(rng, 40, 512)
    b = np.concatenate([a[:20], a[20:30] + 1e-4 * unit(rng, 10, 512), unit(rng, 25, 512)])
    matrix = l2_matrix(a, b)
    assert matrix.shape == (40, 55)
    assert matrix.dtype == np.float32
    assert np.abs(matrix - l2(a[:, None], b[None])).max() < 1e-6
    assert np.abs(np.diag(matrix)[:20]).max() < 1e-6


def test_value_does_not_depend_on_company_or_order():
    rng = np.random.default_rng(1)
    a, b = unit(rng, 30, 100), unit(rng, 30, 100)
    together = l2(a, b)
    assert all(l2(a[i], b[i]) == together[i] == l2(b[i], a[i]) for i in range(30))
    assert np.array_equal(l2(a[::2], b[::2]), together[::2])


def test_blocks_cover_every_row(monkeypatch):
    rng = np.random.default_rng(2)
    a, b = unit(rng, 17, 8), unit(rng, 5, 8)
    whole = l2_matrix(a, b)
    monkeypatch.setattr("neardup.distance._BLOCK", 10)
    assert np.array_equal(l2_matrix(a, b), whole)
    assert l2_matrix(a[:0], b).shape == (0, 5)
