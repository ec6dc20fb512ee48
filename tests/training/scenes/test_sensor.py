"""Textures and sensor of generated scenes."""

from __future__ import annotations

import math

import pytest
import torch
from tests.training.scenes.helpers import TIMES, random
from training.scenes import make_scene, photometry, textures
from training.scenes.draws import Canvas, Draws
from training.scenes.photographs import available


@pytest.mark.parametrize("texture", list(textures.TEXTURES))
def test_textures_are_in_range_and_have_contrast(texture: textures.Texture, canvas: Canvas) -> None:
    for seed in range(3):
        values = texture(canvas, Draws(random(seed)))
        assert values.shape == canvas.fine
        assert values.amin() >= 0
        assert values.amax() <= 1
        assert values.std() > 0.005


def test_noise_has_its_wavelength(canvas: Canvas) -> None:
    field = textures.noise(canvas, Draws(random(0)), [12.0], octaves=0.1)[0]
    slope = field.diff(dim=-1).square().mean() * 4 + field.diff(dim=-2).square().mean() * 4
    assert 2 * math.pi / float(slope.sqrt()) == pytest.approx(12, rel=0.15)


def test_photographs_are_there() -> None:
    assert len(available()) >= 8


def test_middle_frames_are_free_of_noise() -> None:
    ramp = torch.linspace(0.2, 0.8, 48).expand(5, 48, 48).contiguous()
    noisy_ends = 0
    for seed in range(30):
        seen = photometry(ramp, TIMES, random(seed))
        across = seen.std(dim=1)
        assert across[1:-1].amax() < 1e-5
        noisy_ends += bool(across[[0, -1]].amax() > 1e-4)
    assert noisy_ends > 10


def test_photometry_stays_in_range_and_repeats() -> None:
    for seed in range(30):
        frames = make_scene(random(seed), (48, 48)).frames
        seen = photometry(frames, TIMES, random(seed))
        assert seen.shape == frames.shape
        assert seen.isfinite().all()
        assert seen.amin() >= 0
        assert seen.amax() <= 1
        assert torch.equal(seen, photometry(frames, TIMES, random(seed)))


def test_photometry_takes_two_frames_and_flat_ones() -> None:
    flat = torch.full((2, 16, 16), 0.5)
    assert photometry(flat, (0, 1), random(0)).shape == (2, 16, 16)


def test_brightness_drifts_evenly_between_the_ends() -> None:
    ramp = torch.linspace(0.2, 0.8, 48).expand(5, 48, 48).contiguous()
    drifting = 0
    for seed in range(40):
        middle = photometry(ramp, TIMES, random(seed))[1:-1]
        free = ((middle > 0.05) & (middle < 0.95)).all(0)
        change = (middle[2] - middle[0])[free]
        bend = (middle[2] - 2 * middle[1] + middle[0])[free]
        assert bend.abs().amax() < 1e-4
        drifting += bool(change.abs().mean() > 1e-3)
    assert 5 < drifting < 35
