"""The networks have the layers that the paper lists."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_latentdyn.core.networks.architectures import Encoder, UNet
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.settings import Settings


def ran(network: nn.Module, image: torch.Tensor) -> list[tuple[str, torch.Size]]:
    """Names of the layers that ran, in order, with the shapes of what they returned."""
    seen: list[tuple[str, torch.Size]] = []
    for name, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(
                lambda _, __, out, name=name: seen.append((name, out.shape))
            )
    network(image)
    return seen


def test_paper_networks_are_wired_as_published() -> None:
    model = LatentDynamics(1, Settings.preset("paper"))
    assert not model.settings.model.image_in_latent
    assert model.settings.model.fields_from == "first"
    assert model.settings.model.levels == 1
    assert model.extractor.unet.down[0].first.in_channels == model.latent_channels
    assert model.extractor.unet.output.out_channels == 2 * model.stages
    assert model.decoder.down[0].first.in_channels == model.latent_channels
    assert model.decoder.output.out_channels == 1
    assert not any(isinstance(m, nn.ConvTranspose2d) for m in model.modules())
    assert not any(isinstance(m, nn.Linear) for m in model.modules())


@pytest.mark.parametrize("kernel", [3, 5])
def test_encoder_has_six_hidden_convolutions_and_no_pooling(kernel: int) -> None:
    encoder = Encoder(2, 8, 16, kernel)
    layers = ran(encoder, torch.zeros(1, 2, 24, 20))
    assert len(layers) == 7
    assert all(shape[-2:] == (24, 20) for _, shape in layers)
    assert all(isinstance(m, nn.Conv2d) for m in encoder.modules() if not list(m.children()))
    assert {m.kernel_size for m in encoder.modules() if isinstance(m, nn.Conv2d)} == {
        (kernel, kernel)
    }


def test_unet_has_three_stages_of_two_convolutions_down_and_up() -> None:
    network = UNet(3, 2, 8)
    shapes = [tuple(shape[-3:]) for _, shape in ran(network, torch.zeros(1, 3, 32, 32))]
    down = [(8, 32, 32)] * 2 + [(16, 16, 16)] * 2 + [(32, 8, 8)] * 2 + [(64, 4, 4)] * 2
    up = [(32, 8, 8)] * 3 + [(16, 16, 16)] * 3 + [(8, 32, 32)] * 3
    assert shapes == [*down, *up, (2, 32, 32)]


def test_leaky_relu_has_the_published_slope(monkeypatch: pytest.MonkeyPatch) -> None:
    slopes = []
    real = torch.nn.functional.leaky_relu

    def spy(x: torch.Tensor, slope: float) -> torch.Tensor:
        slopes.append(slope)
        return real(x, slope)

    monkeypatch.setattr("torch.nn.functional.leaky_relu", spy)
    Encoder(1, 2, 4, 3)(torch.zeros(1, 1, 8, 8))
    UNet(1, 2, 4)(torch.zeros(1, 1, 16, 16))
    assert len(slopes) == 6 + 8 + 9
    assert set(slopes) == {0.2}


def test_a_latent_pixel_sees_only_its_neighbourhood() -> None:
    encoder = Encoder(1, 3, 6, 5)
    image = torch.zeros(1, 1, 61, 61)
    other = image.clone()
    other[..., 30, 30] = 1.0
    changed = (encoder(image) != encoder(other)).any(dim=1)[0].nonzero()
    assert int((changed - 30).abs().max()) <= encoder.reach == 14


@settings(max_examples=15, deadline=None)
@given(st.integers(8, 45), st.integers(8, 45), st.integers(1, 3))
def test_any_size_goes_through_a_unet(height: int, width: int, batch: int) -> None:
    assert UNet(2, 5, 2)(torch.zeros(batch, 2, height, width)).shape == (batch, 5, height, width)
