"""Generated scenes with known motion, and the calibration of standard deviations on them."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.trust.calibrate import calibrated
from benchmarks.trust.samples import Errors
from benchmarks.trust.scenes import KINDS, SIDE, generate, make_scene
from benchmarks.trust.tables import ranks, reliability_table, table_of
from scipy import ndimage


@pytest.mark.parametrize("kind", KINDS)
def test_images_follow_the_velocity_of_a_scene(kind: str) -> None:
    scene = make_scene(kind, np.random.default_rng(5))
    assert scene.images.shape == (2, SIDE, SIDE)
    assert np.isfinite(scene.truth).all()
    assert bool(np.isnan(scene.images).any()) == (kind == "missing")
    places = np.mgrid[:SIDE, :SIDE]
    read = [
        ndimage.map_coordinates(np.nan_to_num(image), places + part * scene.velocity, order=1)
        for image, part in zip(scene.images, (-0.5, 0.5), strict=True)
    ]
    inner = np.s_[20:-20, 20:-20]
    moved, still = (
        np.median(np.abs(last - first)[inner])
        for first, last in (read, np.nan_to_num(scene.images))
    )
    # Without noise, straight paths leave an error of second order.
    assert moved < (1.01 if kind in ("noise", "faint", "flat") else 0.7) * still + 1e-3


def test_scenes_are_reproducible_and_differ() -> None:
    one, again, other = (next(generate(1, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.images, again.images)
    assert not np.array_equal(one.images, other.images)


def test_the_calibration_finds_known_powers() -> None:
    random = np.random.default_rng(0)
    terms = random.normal(size=(40_000, 2))
    std = 0.3 * np.exp(terms @ [0.8, 0.0])
    found = calibrated(terms, std[:, None] * random.normal(size=(len(terms), 2)))
    assert found.exponents == pytest.approx((0.8, 0.0), abs=0.02)
    assert found.factor == pytest.approx(0.3, rel=0.02)


def test_tables_tell_coverage_and_ranks() -> None:
    random = np.random.default_rng(0)
    std = np.exp(ndimage.gaussian_filter(random.normal(size=(160, 160)), 12) * 30)
    errors = std * random.normal(size=(2, 160, 160))
    good = Errors("good", std, errors, std < 1)
    assert ranks([good]) > 0.9
    line = table_of({"some": [good]}).splitlines()[-1].split("|")
    assert line[2].strip() == "good"
    assert float(line[3]) == pytest.approx(68.3, abs=1)
    assert float(line[4]) == pytest.approx(95.0, abs=1)
    *_, yes, no = reliability_table([good]).splitlines()
    assert yes.startswith("| measured |")
    assert no.startswith("| not measured |")
    # Circles of a normal distribution of two components.
    circles = [float(part) for part in yes.split("|")[-3:-1]]
    assert circles == pytest.approx([100 * (1 - np.exp(-(k**2) / 2)) for k in (1, 2)], abs=1)
    shares = [float(row.split("|")[2]) for row in (yes, no)]
    assert sum(shares) == pytest.approx(100, abs=0.11)
    assert shares[0] == pytest.approx(100 * (std < 1).mean(), abs=0.06)
