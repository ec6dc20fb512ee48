"""Rates of deformation against fields whose derivatives are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.core.helpers import spin

from napari_latentdyn.core.dynamics.deformation import QUANTITIES, Deformation, deformation
from napari_latentdyn.errors import DerivedError

SHAPE = (40, 56)
RATES = [name for name in QUANTITIES if name not in ("speed", "principal_angle")]
numbers = st.floats(-2.0, 2.0)
gradients = arrays(np.float64, (2, 2), elements=numbers)
small_fields = arrays(np.float64, (2, 2, 5, 6), elements=numbers)


def affine(gradient, shape=SHAPE, pixel_size=(1.0, 1.0), offset=(0.0, 0.0)):
    """Velocity (dy, dx) in pixels whose gradient in real lengths, by (y, x), is known."""
    sizes = np.array(pixel_size)[:, None, None]
    places = np.mgrid[: shape[0], : shape[1]] * sizes
    velocity = np.einsum("ij,jyx->iyx", np.asarray(gradient), places)
    return (velocity + np.reshape(offset, (2, 1, 1))) / sizes


def assert_everywhere(values, expected, within):
    __tracebackhide__ = True
    assert np.abs(values - expected).max() <= within


# Known flows --------------------------------------------------------------------------------


@pytest.mark.parametrize("smooth", [0.0, 0.7, 3.0])
@pytest.mark.parametrize("angle", [0.02, -0.4])
def test_rigid_rotation(angle, smooth):
    """Twice the angle, also at the border, and in the sense that the docstring says."""
    rates = deformation(spin(angle, SHAPE)[None], smooth=smooth)
    # `spin` with a positive angle leads what is right of the centre up: not clockwise.
    assert_everywhere(rates.vorticity, -2 * angle, 0.01 * abs(2 * angle))
    for name in ("divergence", "shear", "total"):
        assert_everywhere(rates.quantity(name), 0.0, 0.01 * abs(angle))


def test_clockwise_on_the_screen_is_positive():
    """What is to the right of the centre goes down, what is below it to the left."""
    y, x = np.mgrid[-8:9, -8:9]
    assert deformation(np.stack([x, -y])).vorticity.min() > 0


@pytest.mark.parametrize("pixel_size", [(1.0, 1.0), (40.0, 100.0)])
@pytest.mark.parametrize(
    ("gradient", "expected"),
    [
        # Rows of the gradient: v and u; columns: by y and by x.
        ([[0.0, 0.0], [0.0, 0.3]], {"divergence": 0.3, "normal_strain": 0.3, "shear": 0.3}),
        ([[0.2, 0.0], [0.0, 0.2]], {"divergence": 0.4, "shear": 0.0, "total": 0.4}),
        (
            [[-0.1, 0.0], [0.0, 0.1]],
            {"divergence": 0.0, "vorticity": 0.0, "shear": 0.2, "total": 0.2},
        ),
        (
            [[0.0, 0.0], [0.5, 0.0]],
            {"divergence": 0.0, "vorticity": -0.5, "shear_strain": 0.5, "shear": 0.5},
        ),
        ([[0.0, 0.5], [-0.5, 0.0]], {"vorticity": 1.0, "divergence": 0.0, "shear": 0.0}),
    ],
    ids=["stretching", "opening", "pure strain", "shear", "rotation"],
)
@pytest.mark.parametrize("smooth", [0.0, 2.0])
def test_even_flows(gradient, expected, pixel_size, smooth):
    fields = affine(gradient, pixel_size=pixel_size)
    rates = deformation(fields, pixel_size=pixel_size, smooth=smooth)
    for name, value in expected.items():
        assert_everywhere(rates.quantity(name), value, 0.01 * np.abs(gradient).max())


def test_a_wave():
    """Central differences of a sine are off by (k h)^2 / 6."""
    k = 2 * np.pi / 32
    y, x = np.mgrid[:64, :64].astype(float)
    rates = deformation(np.stack([np.cos(k * y), np.sin(k * x)]))
    inner = (slice(None), slice(1, -1), slice(1, -1))
    expected = k * (np.cos(k * x) - np.sin(k * y))
    assert np.abs(rates.divergence[0] - expected)[1:-1, 1:-1].max() < 2 * k * k**2 / 6
    assert np.abs(rates.vorticity[inner]).max() < 1e-12


def test_smoothing_damps_a_wave_as_a_gaussian_does():
    k, sigma = 2 * np.pi / 16, 2.0
    y, x = np.mgrid[:96, :96].astype(float)
    fields = np.stack([0 * y, np.sin(k * x)])
    rough, smoothed = deformation(fields), deformation(fields, smooth=sigma)
    inner = np.s_[0, 20:-20, 20:-20]
    ratio = np.abs(smoothed.divergence[inner]).max() / np.abs(rough.divergence[inner]).max()
    assert ratio == pytest.approx(np.exp(-((k * sigma) ** 2) / 2), rel=0.01)
    np.testing.assert_array_equal(smoothed.speed, rough.speed)


@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 2, -1.2])
def test_principal_axes(angle):
    """Stretching by 0.3 along a direction and squeezing by 0.1 across it."""
    along = np.array([np.sin(angle), np.cos(angle)])  # (y, x)
    across = np.array([along[1], -along[0]])
    rates = deformation(affine(0.3 * np.outer(along, along) - 0.1 * np.outer(across, across)))
    assert_everywhere(rates.principal_first, 0.3, 1e-9)
    assert_everywhere(rates.principal_second, -0.1, 1e-9)
    found = np.stack([np.sin(rates.principal_angle), np.cos(rates.principal_angle)], axis=-1)
    assert_everywhere(np.abs(found @ along), 1.0, 1e-9)


# Units --------------------------------------------------------------------------------------


def test_units():
    """One pixel of 100 m in stages of 2 h is 50 m/h, and rates are per hour."""
    fields = affine([[0.0, 0.0], [0.0, 0.1]], offset=(0.0, 1.0)).astype(np.float32)
    rates = deformation(
        fields, pixel_size=(100.0, 100.0), duration=2.0, length_unit="meter", time_unit="hour"
    )
    assert rates.speed[0, 0, 0] == pytest.approx(50.0)
    assert_everywhere(rates.divergence, 0.05, 1e-5)
    assert (rates.unit("speed"), rates.unit("divergence")) == ("meter/hour", "1/hour")
    assert rates.unit("principal_angle") == "radian"
    assert rates.speed.dtype == rates.divergence.dtype == np.float32


def test_without_scale_or_interval_units_are_pixels_and_stages():
    rates = deformation(spin(0.1))
    assert (rates.unit("speed"), rates.unit("total")) == ("pixel/stage", "1/stage")


def test_all_quantities_have_the_shape_of_the_fields():
    rates = deformation(np.repeat(spin(0.1, SHAPE)[None], 3, axis=0))
    for name in QUANTITIES:
        assert rates.quantity(name).shape == (3, *SHAPE)


def test_missing_velocity_is_missing_nearby_only():
    fields = spin(0.1, SHAPE)
    fields[:, 20, 20] = np.nan
    vorticity = deformation(fields).vorticity[0]
    assert np.isnan(vorticity[20, 19:22:2]).all()
    assert np.isnan(vorticity).sum() < 6


@pytest.mark.parametrize(
    ("fields", "options", "said"),
    [
        (np.zeros((3, 8, 8)), {}, r"\(3, 8, 8\)"),
        (np.zeros((1, 2, 1, 8)), {}, "2 x 2"),
        (np.zeros((2, 8, 8)), {"smooth": -1.0}, "smoothing"),
        (np.zeros((2, 8, 8)), {"smooth": "much"}, "smoothing"),
        (np.zeros((2, 8, 8)), {"smooth": 1e6}, "from 0 to 8 pixels"),
        (np.zeros((2, 8, 8)), {"smooth": float("nan")}, "smoothing"),
        (np.zeros((2, 8, 8)), {"pixel_size": (0.0, 1.0)}, "positive"),
        (np.zeros((2, 8, 8)), {"duration": float("nan")}, "positive"),
        (np.zeros((2, 2, 8, 8)), {"duration": [1.0, 0.0]}, "positive"),
        (np.zeros((2, 2, 8, 8)), {"duration": [1.0, 2.0, 3.0]}, "each of the 2 stages"),
    ],
)
def test_what_cannot_be_derived_is_refused(fields, options, said):
    with pytest.raises(DerivedError, match=said):
        deformation(fields, **options)


def test_unknown_quantities_are_refused():
    rates = deformation(spin(0.1))
    for ask in (rates.quantity, rates.unit):
        with pytest.raises(DerivedError, match="known are speed, divergence"):
            ask("vortex")


# Properties ---------------------------------------------------------------------------------


@given(small_fields, st.tuples(numbers, numbers), st.sampled_from([0.0, 1.0]))
def test_a_constant_velocity_changes_nothing_but_speed(fields, constant, smooth):
    still = deformation(fields, smooth=smooth)
    moving = deformation(fields + np.reshape(constant, (2, 1, 1)), smooth=smooth)
    for name in RATES:
        np.testing.assert_allclose(moving.quantity(name), still.quantity(name), atol=1e-12)


@given(gradients, st.floats(-np.pi, np.pi))
def test_rotated_axes_leave_the_invariants(gradient, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    one = deformation(affine(gradient, (4, 4)))
    other = deformation(affine(turn @ gradient @ turn.T, (4, 4)))
    for name in ("divergence", "vorticity", "shear", "total", "principal_first"):
        np.testing.assert_allclose(other.quantity(name), one.quantity(name), atol=1e-11)


@given(small_fields)
def test_a_quarter_turn_of_the_image_turns_its_rates(fields):
    """Any field, not only an even one: pixels, borders and all."""
    turned = np.rot90(fields, axes=(2, 3))
    # What pointed to the right points up, what pointed down points to the right.
    turned = np.stack([-turned[:, 1], turned[:, 0]], axis=1)
    one, other = deformation(fields), deformation(turned)
    for name in ("speed", "divergence", "vorticity", "shear", "total"):
        expected = np.rot90(one.quantity(name), axes=(1, 2))
        np.testing.assert_allclose(other.quantity(name), expected, atol=1e-12)


@given(small_fields, st.floats(0.1, 10.0), st.floats(0.1, 10.0))
def test_rates_depend_on_time_and_speed_on_both(fields, size, duration):
    one = deformation(fields)
    other = deformation(fields, pixel_size=(size, size), duration=duration)
    np.testing.assert_allclose(other.speed, one.speed * size / duration, atol=1e-9)
    for name in RATES:
        np.testing.assert_allclose(
            other.quantity(name), one.quantity(name) / duration, rtol=1e-9, atol=1e-9
        )


@given(small_fields)
def test_quantities_belong_together(fields):
    rates = deformation(fields)
    assert isinstance(rates, Deformation)
    first, second = rates.principal_first, rates.principal_second
    np.testing.assert_allclose(first + second, rates.divergence, atol=1e-12)
    np.testing.assert_allclose(first - second, rates.shear, atol=1e-12)
    ordered = (np.abs(rates.divergence), rates.total, np.abs(rates.divergence) + rates.shear)
    assert all(np.all(a <= b + 1e-12) for a, b in pairwise(ordered))
    assert np.all(np.abs(rates.principal_angle) <= np.pi / 2)
    assert np.all(rates.principal_angle > -np.pi / 2)
