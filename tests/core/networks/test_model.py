"""Encoder, fields, advection and decoder are wired as in equation 3."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_latentdyn.core.networks.losses import (
    active_terms,
    loss_terms,
    misfit,
    roughness,
    total_loss,
    unsteadiness,
)
from napari_latentdyn.core.networks.model import Batch, LatentDynamics
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.presets import PRESETS

STAGES = 3


def small(preset: str = "standard", **changes: Any) -> Settings:
    return Settings.preset(preset).updated(
        {
            "model.stages": STAGES,
            "model.latent_channels": 2,
            "model.encoder_width": 4,
            "model.unet_width": 2,
            "training.start_from": "scratch",
            "model.extractor_width": 2,
            "model.coarsening": 0,
            **{name.replace("__", "."): value for name, value in changes.items()},
        }
    )


def batch(size: int = 1, channels: int = 1, shape: tuple[int, int] = (24, 28)) -> Batch:
    generator = torch.Generator().manual_seed(0)
    first, last = torch.rand(2, size, channels, *shape, generator=generator)
    valid = torch.ones(size, 1, *shape, dtype=torch.bool)
    return Batch(first, last, valid, valid, torch.zeros(size, STAGES, 2, *shape))


@pytest.mark.parametrize("preset", ["quick", "standard", "accurate", "paper"])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(preset: str, channels: int) -> None:
    model = LatentDynamics(channels, small(preset))
    given = batch(2, channels)
    prediction = model(given)
    assert prediction.fields.shape == (2, 3, 2, 24, 28)
    assert prediction.coded_first.shape == given.first.shape
    assert len(prediction.arrived) == (1 if preset == "paper" else 2)
    for image, target, weight in prediction.arrived:
        assert image.shape == target.shape == given.first.shape
        assert weight.shape == (2, 1, 24, 28)


def test_paper_reads_the_fields_off_the_first_image_alone() -> None:
    model, given = LatentDynamics(1, small("paper")), batch()
    other = Batch(given.first, 1 - given.last, given.valid_first, given.valid_last, given.start)
    assert torch.equal(model(given).fields, model(other).fields)
    both = LatentDynamics(1, small("paper", model__fields_from="both"))
    # With both images it adds to a motion, and nothing at first.
    torch.nn.init.normal_(both.extractor.unet.output.weight)
    assert not torch.equal(both(given).fields, both(other).fields)


def test_the_image_in_the_latent_state_is_auto_encoded_exactly_from_the_first_step() -> None:
    given = batch(channels=2)
    prediction = LatentDynamics(2, small())(given)
    assert torch.equal(prediction.coded_first, given.first)
    assert torch.equal(prediction.coded_last, given.last)


def test_an_untrained_standard_model_moves_the_image_along_the_initial_field() -> None:
    given = batch()
    given.start[:, :, 1] = 6.0 / STAGES
    prediction = LatentDynamics(1, small())(given)
    torch.testing.assert_close(prediction.fields, given.start, atol=1e-5, rtol=0)
    arrived, target, weight = prediction.arrived[0]
    torch.testing.assert_close(arrived[..., 8:], given.first[..., 2:-6], atol=1e-4, rtol=0)
    assert torch.equal(target, given.last)
    assert not weight[..., :5].any()
    assert weight[..., 6:].all()


def test_missing_pixels_are_followed_along_the_field() -> None:
    given = batch()
    given.start[:, :, 1] = 6.0 / STAGES
    given.valid_first = given.valid_first.clone()
    given.valid_first[..., 10, 12] = False
    _, _, weight = LatentDynamics(1, small())(given).arrived[0]
    assert not weight[0, 0, 10, 18]
    assert weight[0, 0, 10, 12]


@pytest.mark.parametrize("border", ["clamp", "exclude"])
def test_the_border_rule_decides_whether_inflow_counts(border: str) -> None:
    given = batch()
    given.start[:, :, 0] = 5.0 / STAGES
    _, _, weight = LatentDynamics(1, small(physics__border=border))(given).arrived[0]
    assert bool(weight[..., :4, :].all()) is (border == "clamp")


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 4), st.integers(17, 40), st.integers(17, 40))
def test_a_pyramid_takes_any_size(levels: int, height: int, width: int) -> None:
    given = batch(shape=(height, width))
    given.start += torch.tensor([1.5, -2.0, 0.5]).view(1, STAGES, 1, 1, 1)
    with torch.no_grad():
        fields = LatentDynamics(1, small(model__levels=levels)).extract(
            given.first, given.last, given.start
        )
    torch.testing.assert_close(fields, given.start, atol=1e-5, rtol=0)


@pytest.mark.parametrize("preset", ["standard", "paper"])
def test_every_weight_learns_once_outputs_are_no_longer_zero(preset: str) -> None:
    torch.manual_seed(0)
    model = LatentDynamics(1, small(preset))
    given = batch()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        chosen = small(preset)
        total_loss(loss_terms(given, model(given), chosen), chosen.training).backward()
        optimiser.step()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


@pytest.mark.parametrize("preset", PRESETS)
def test_every_term_of_the_loss_changes_what_is_learned(preset: str) -> None:
    torch.manual_seed(0)
    chosen = small(preset)
    model, given = LatentDynamics(1, chosen), batch()
    given.start += torch.rand(given.start.shape)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    for name in active_terms(chosen):
        model.zero_grad()
        loss_terms(given, model(given), chosen)[name].backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        assert any(bool(gradient.any()) for gradient in gradients), name
    left_out = {"match", "autoencoding", "space", "time"} - set(active_terms(chosen))
    assert left_out == ({"time"} if chosen.model.timing == "even" else set())


def affine(a: float, b: float, c: float, d: float) -> torch.Tensor:
    rows, columns = pixel_grid(12, 14).unbind(dim=1)
    return torch.stack([a * rows + b * columns, c * rows + d * columns], dim=1)[:, None]


@settings(max_examples=30, deadline=None)
@given(*[st.floats(-1, 1, width=32)] * 4)
def test_second_differences_leave_affine_motion_free(
    a: float, b: float, c: float, d: float
) -> None:
    field = affine(a, b, c, d)
    assert float(roughness(field, 2)) < 1e-9
    expected = (a**2 + c**2) / 2 + (b**2 + d**2) / 2
    assert float(roughness(field, 1)) == pytest.approx(expected, abs=1e-4)


def test_unsteadiness_is_the_mean_square_change() -> None:
    fields = torch.zeros(1, 3, 2, 4, 4)
    fields[:, 1] = 2.0
    assert float(unsteadiness(fields)) == pytest.approx(4.0)
    assert float(unsteadiness(fields[:, :1])) == 0.0


def test_misfit_counts_only_where_it_should() -> None:
    image, target = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    target[..., 0, 0] = 0.5
    weight = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    assert float(misfit(image, target, weight, robust=False)) == pytest.approx(0.25 / 16)
    weight[..., 0, 0] = False
    assert float(misfit(image, target, weight, robust=False)) == 0.0
    assert float(misfit(image, target, torch.zeros_like(weight), robust=True)) == 0.0


def test_the_robust_term_forgives_outliers() -> None:
    weight = torch.ones(1, 1, 1, 1, dtype=torch.bool)
    zero = torch.zeros(1, 1, 1, 1)

    def ratio(robust: bool) -> float:
        near, far = (float(misfit(zero, zero + x, weight, robust=robust)) for x in (0.2, 0.8))
        return far / near

    assert ratio(robust=False) == pytest.approx(16.0, rel=1e-3)
    assert ratio(robust=True) < 5.0
