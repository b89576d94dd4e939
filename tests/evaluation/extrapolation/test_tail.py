"""The tail fit recovers what was drawn, extrapolates honestly and refuses what it cannot carry."""

import numpy as np
import pytest
from scipy.stats import genpareto, norm

from neardup.evaluation.extrapolation.tail import FEWEST, TailFit, fit_depths, fit_tail


@pytest.mark.parametrize("shape", [0.0, 0.1, 0.3])
def test_moments_recover_shape_and_scale(shape):
    depth = genpareto.rvs(shape, scale=0.05, size=20_000, random_state=0)
    found, scale = fit_depths(depth)
    assert found == pytest.approx(shape, abs=0.03)
    assert scale == pytest.approx(0.05, rel=0.05)


def test_a_weight_is_a_repetition():
    rng = np.random.default_rng(0)
    depth, weight = rng.exponential(size=400), rng.integers(0, 4, size=400).astype(float)
    repeated = fit_depths(np.repeat(depth, weight.astype(int)), np.ones(int(weight.sum())))
    assert fit_depths(depth, weight) == pytest.approx(repeated, rel=0.02, abs=0.005)


def test_a_tail_that_seems_to_end_is_taken_as_exponential():
    depth = np.random.default_rng(0).uniform(0, 1, size=300)
    assert fit_depths(depth) == (0.0, pytest.approx(depth.mean()))


@pytest.mark.parametrize("shape", [0.0, 0.1, 0.3])
def test_threshold_and_rate_are_inverse_and_match_scipy(shape):
    fit = TailFit(level=0.9, share_below=1e-3, shape=shape, scale=0.04, count=1000, fit_p_value=0.5)
    for rate in (1e-3, 1e-4, 1e-6):
        threshold = fit.threshold(rate)
        assert float(fit.rate(threshold)) == pytest.approx(rate, rel=1e-6)
        expected = 1e-3 * genpareto.sf(0.9 - threshold, shape, scale=0.04)
        assert float(fit.rate(threshold)) == pytest.approx(expected, rel=1e-6)
    assert float(fit.rate(0.9)) == pytest.approx(1e-3)


def test_a_hundredfold_extrapolation_of_a_normal_tail_errs_on_the_safe_side():
    """200,000 distances seen, a rate of one in 20 million asked for."""
    ratios = []
    for seed in range(8):
        drawn = np.random.default_rng(seed).normal(1.2, 0.1, size=200_000)
        near = np.sort(drawn)[:5000].astype(np.float32)
        fit = fit_tail(near, 200_000, seed=seed)
        assert isinstance(fit, TailFit)
        true = 5e-8
        ratios.append(float(fit.rate(norm.ppf(true, 1.2, 0.1))) / true)
    assert min(ratios) > 1
    assert np.median(ratios) < 15


def test_it_refuses_with_a_reason():
    few = fit_tail(np.linspace(0.5, 1, 60, dtype=np.float32), 500, seed=0)
    assert isinstance(few, str)
    assert f"a fit needs {FEWEST}" in few
    whole = np.sort(np.random.default_rng(0).integers(5, 9, size=3000)).astype(np.float32)
    assert "too few values" in str(fit_tail(whole, 100_000, seed=0))
    rng = np.random.default_rng(0)
    clumps = np.concatenate([rng.normal(0.1, 1e-4, size=60), rng.uniform(0.8, 1.0, size=3000)])
    answer = fit_tail(np.sort(clumps).astype(np.float32), 100_000, seed=0)
    assert "unlabelled copies" in str(answer)
