"""Coefficients of equations: estimates, and what they are used for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_latentdyn.core.physics.operators import diffuse
from napari_latentdyn.equations import EQUATIONS, Compared, Meeting
from napari_latentdyn.settings import Settings, SettingsError

SIDE = 128
ZEROS = (torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))
JOINT = [name for name, equation in EQUATIONS.items() if equation.joint]


def texture(seed: int, sigma: float = 1.5) -> Tensor:
    values = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), sigma)
    return torch.from_numpy(0.5 + 0.12 * values / values.std()).float()[None]


def noise(seed: int, size: float) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return size * torch.randn(1, SIDE, SIDE, generator=draw)


def compared(first: Tensor, last: Tensor, allowed: Tensor | None = None) -> Compared:
    seen = torch.ones(first.shape[1:], dtype=torch.bool)
    return Compared(first, last, seen, ZEROS, allowed)


def fitted(name: str, both: Compared) -> dict[str, NDArray[np.float32]]:
    return EQUATIONS[name].coefficients(both, {})


def frame(name: str, first: Tensor, last: Tensor, time: float) -> Tensor:
    """Solve an equation where nothing moves."""
    known = {
        key: torch.from_numpy(value).view(1, -1, 1, 1)
        if value.ndim == 1
        else torch.from_numpy(value)[None, None]
        for key, value in fitted(name, compared(first, last)).items()
    }
    ones = torch.ones(1, 1, *first.shape[1:])
    zeros = (torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))
    meeting = Meeting(time, lambda: (ones, ones), diffuse, zeros, known)
    weights = [ones * (1 - time), ones * time]
    return EQUATIONS[name].between([first[None], last[None]], weights, meeting)


@settings(max_examples=30, deadline=None)
@given(variance=st.floats(0.0, 30.0))
def test_the_heat_kernel_has_its_variance(variance: float) -> None:
    point = torch.zeros(1, 1, 61, 61, dtype=torch.float64)
    point[..., 30, 30] = 1.0
    found = diffuse(point, variance)[0, 0]
    rows = torch.arange(61, dtype=torch.float64) - 30
    assert float(found.sum()) == pytest.approx(1.0, abs=1e-6)
    measured = float((found.sum(dim=1) * rows**2).sum())
    # The kernel ends at four standard deviations.
    assert measured == pytest.approx(variance, rel=4e-3, abs=1e-6)


@pytest.mark.parametrize("size", [0.0, 0.03])
@pytest.mark.parametrize("kappa", [1.0, 5.0, 20.0])
def test_the_diffusivity_is_found(kappa: float, size: float) -> None:
    first = texture(1)
    last = diffuse(first[None], 2 * kappa)[0]
    found = fitted("diffusion", compared(first + noise(2, size), last + noise(3, size)))
    assert float(found["diffusivity"][0]) == pytest.approx(kappa, rel=0.2, abs=0.2)


@pytest.mark.parametrize("size", [0.0, 0.03, 0.1])
def test_noise_and_sharpening_are_no_diffusion(size: float) -> None:
    first = texture(1)
    same = fitted("diffusion", compared(first + noise(2, size), first + noise(3, size)))
    assert float(same["diffusivity"][0]) < 0.1
    blurred = diffuse(first[None], 6.0)[0] + noise(2, size)
    sharper = fitted("diffusion", compared(blurred, first + noise(3, size)))
    assert float(sharper["diffusivity"][0]) < 0.1


@pytest.mark.parametrize("seed", [82, 90])
def test_images_without_common_structure_have_a_diffusivity(seed: int) -> None:
    """Between them, the change of contrast that fits best has no end."""
    random = torch.Generator().manual_seed(seed)
    first, last = (torch.rand(1, 48, 48, generator=random) * 1.2 - 0.1 for _ in range(2))
    assert 0 <= float(fitted("diffusion", compared(first, last))["diffusivity"][0]) <= 100


def test_diffusion_does_not_amplify_noise() -> None:
    """From the last image alone, noise of a frame half way would be that of deconvolution."""
    first = texture(1)
    last = diffuse(first[None], 8.0)[0]
    truth = diffuse(first[None], 4.0)[0]
    found = frame("diffusion", first + noise(2, 0.03), last + noise(3, 0.03), 0.5)[0]
    assert float((found - truth).square().mean().sqrt()) < 0.03


@pytest.mark.parametrize("name", JOINT)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), time=st.floats(0.01, 0.99))
def test_a_frame_stays_in_the_range_of_both_images(name: str, seed: int, time: float) -> None:
    random = torch.Generator().manual_seed(seed)
    first, last = (torch.rand(1, 48, 48, generator=random) * 1.2 - 0.1 for _ in range(2))
    found = frame(name, first, last, time)
    assert bool(torch.isfinite(found).all())
    both = torch.cat([first, last])
    # What diffusion takes from the first image within the time is added to the last one.
    margin = 0.6 if name == "diffusion" else 1e-4
    assert float(found.min()) >= float(both.min()) - margin
    assert float(found.max()) <= float(both.max()) + margin


@pytest.mark.parametrize("name", JOINT)
def test_a_frame_leads_to_both_images(name: str) -> None:
    first, last = texture(1), texture(2).abs()
    assert float((frame(name, first, last, 1e-4)[0] - first).abs().max()) < 2e-3
    assert float((frame(name, first, last, 1 - 1e-4)[0] - last).abs().max()) < 2e-3


def test_growth_goes_on_where_one_image_shows_a_place() -> None:
    first = texture(1).abs() * 0.3
    last = first * 2.0
    rate = fitted("growth", compared(first, last))["rate"]
    known = {"rate": torch.from_numpy(rate).view(1, 1, 1, 1)}
    ones = torch.ones(1, 1, SIDE, SIDE)
    meeting = Meeting(0.5, lambda: (ones, ones), diffuse, (0.0, 0.0), known)
    states, half = [first[None], last[None]], first[None] * 2**0.5
    for weights in ([ones, 0 * ones], [0 * ones, ones]):
        found = EQUATIONS["growth"].between(states, weights, meeting)
        torch.testing.assert_close(found, half, atol=2e-3, rtol=1e-2)


def spot(radius: float) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return (((rows - 64) ** 2 + (columns - 60) ** 2).float().sqrt() < radius).float()[None]


def test_a_source_spreads_from_its_centre() -> None:
    ground = texture(1, 3.0)
    first, last, truth = (torch.maximum(ground, spot(radius)) for radius in (0.0, 14.0, 7.0))
    errors = [
        float((frame(name, first, last, 0.5)[0] - truth).square().mean())
        for name in ("sparse_source", "growth")
    ]
    assert errors[0] < 0.3 * errors[1]
    even = (first + last) / 2
    assert errors[0] < 0.3 * float((even - truth).square().mean())


def test_matter_spreads_into_a_source_that_touches_it() -> None:
    ground = texture(1, 3.0)
    ground[:, :, :30] = 1.0

    def with_bar(length: int) -> Tensor:
        values = ground.clone()
        values[:, 60:66, 30 : 30 + length] = 1.0
        return values

    found = fitted("sparse_source", compared(with_bar(0), with_bar(60)))
    onset = found["onset"][63, 32:88]
    np.testing.assert_allclose(onset, np.linspace(0, 1, 56), atol=0.08)
    # Back in time the bar shrinks to where it came from.
    back = fitted("sparse_source", compared(with_bar(60), with_bar(0)))["onset"][63, 32:88]
    np.testing.assert_allclose(back, np.linspace(1, 0, 56), atol=0.08)


def test_sources_act_only_where_they_are_allowed() -> None:
    ground = texture(1, 3.0)
    first, last = ground, torch.maximum(ground, spot(14.0))
    allowed = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    nowhere = fitted("sparse_source", compared(first, last, allowed))
    assert not nowhere["sudden"].any()
    allowed[40:90, 40:90] = True
    inside = fitted("sparse_source", compared(first, last, allowed))
    assert inside["sudden"][60, 60] == 1
    assert not inside["sudden"][:38].any()


@pytest.mark.parametrize("name", [*JOINT, "auto"])
def test_equations_of_intensities_need_the_image_in_the_latent_state(name: str) -> None:
    with pytest.raises(SettingsError, match=r"model\.image_in_latent must be true"):
        Settings.preset("paper").updated({"physics.equation": name})
