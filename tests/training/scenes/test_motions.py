"""Motions of generated scenes against analytic solutions."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from tests.training.scenes.helpers import TIMES, painted, random, sampled
from torch import Tensor
from training.scenes import textures
from training.scenes.draws import Canvas, Draws
from training.scenes.flows import draw_flow, draw_motion
from training.scenes.layers import Body, Sheet
from training.scenes.motions import (
    Affine,
    Clock,
    Composed,
    Drift,
    Flow,
    Motion,
    Still,
    divergence,
    rotation,
    shear,
    strain,
)
from training.scenes.shapes import voronoi

ENDS = torch.tensor([0.0, 1.0])


def test_characteristics_follow_an_analytic_rotation(canvas: Canvas) -> None:
    centre, angle = torch.tensor([30.0, 40.0]), 0.6
    clock = Clock(0.4, 0.2)
    exact = Affine(rotation(angle), centre, clock)
    y, x = canvas.positions(1)
    field = angle * torch.stack([x - centre[1], -(y - centre[0])])
    numeric = Flow(canvas, field[None], [clock])
    times = torch.tensor(TIMES)
    points = canvas.pixels().expand(5, -1, -1, -1)
    for name in ("departure", "arrival"):
        error = getattr(numeric, name)(points, times) - getattr(exact, name)(points, times)
        assert error.abs().amax() < 0.02


def test_characteristics_follow_an_analytic_vortex() -> None:
    canvas = Canvas((64, 64), 20)
    centre, core, rate = torch.tensor([30.3, 33.7]), 8.0, 1.2

    def spin(y: Tensor, x: Tensor) -> Tensor:
        square = (y**2 + x**2) / core**2 + 1e-6
        return rate * (1 - torch.exp(-square)) / square

    y, x = canvas.positions(1) - centre[:, None, None]
    flow = Flow(canvas, (spin(y, x) * torch.stack([x, -y]))[None], [Clock(0.3, -0.1)])
    points = canvas.pixels().expand(2, -1, -1, -1)
    y, x = canvas.pixels() - centre[:, None, None]
    elapsed = Clock(0.3, -0.1)(ENDS)
    angle = spin(y, x) * elapsed[:, None, None]
    exact = torch.stack(
        [y * angle.cos() + x * angle.sin(), x * angle.cos() - y * angle.sin()], dim=1
    )
    error = flow.arrival(points, ENDS) - centre[:, None, None] - exact
    assert error.abs().amax() < 0.05


def test_an_affine_motion_turns_by_its_angle() -> None:
    motion = Affine(rotation(0.5), torch.tensor([10.0, 20.0]))
    point = torch.tensor([10.0, 30.0])[:, None, None].expand(2, 2, 1, 1)
    ends = motion.arrival(point, ENDS)[:, :, 0, 0] - torch.tensor([10.0, 20.0])
    expected = [[-10 * math.sin(0.25), 10 * math.cos(0.25)]]
    expected.append([10 * math.sin(0.25), 10 * math.cos(0.25)])
    torch.testing.assert_close(ends, torch.tensor(expected))


def test_gradients_are_what_they_are_called() -> None:
    for gradient in (rotation(0.3), strain(0.3, 0.7), shear(0.3, 0.7)):
        assert gradient.trace().abs() < 1e-6
    assert strain(0.3, 0.7).equal(strain(0.3, 0.7).T)
    assert torch.linalg.det(shear(0.3, 0.7)).abs() < 1e-6
    assert float(divergence(0.3).trace()) == pytest.approx(0.3)


def test_characteristics_are_accurate() -> None:
    canvas = Canvas((128, 128), 23)
    points = canvas.pixels().expand(2, -1, -1, -1)
    for seed in range(12):
        flow = draw_flow(canvas, Draws(random(seed)), 24.0)
        assert isinstance(flow, Flow)
        finer = dataclasses.replace(flow, steps=48)
        error = flow.departure(points, ENDS) - finer.departure(points, ENDS)
        assert error.abs().amax() < 0.05


@pytest.mark.parametrize("seed", range(8))
def test_departure_undoes_arrival(canvas: Canvas, seed: int) -> None:
    motion = draw_motion(canvas, Draws(random(seed)), 10.0)
    points = canvas.pixels().expand(5, -1, -1, -1)
    times = torch.tensor(TIMES)
    there = motion.arrival(points, times)
    back = motion.departure(there, times)
    torch.testing.assert_close(back, points, atol=0.02, rtol=0)
    torch.testing.assert_close(there[2], points[2], atol=1e-4, rtol=0)


def test_a_clock_runs_forward_by_one() -> None:
    times = torch.linspace(0, 1, 33)
    for a, p in ((0.0, 0.0), (0.5, 0.3), (-0.5, -0.15)):
        clock = Clock(a, p)
        elapsed = clock(times)
        assert float(elapsed[-1] - elapsed[0]) == pytest.approx(1)
        assert (elapsed.diff() > 0).all()
        assert elapsed[16].abs() < 1e-6


@pytest.mark.parametrize(
    "motion",
    [
        Drift(torch.tensor([3.3, -5.1]), torch.tensor([2.0, 1.0])),
        Affine(rotation(0.3), torch.tensor([30.0, 30.0])),
        Composed(Drift(torch.tensor([2.0, 4.0])), Affine(rotation(-0.2), torch.zeros(2))),
    ],
)
def test_frames_show_the_material_where_the_motion_takes_it(canvas: Canvas, motion: Motion) -> None:
    material = textures.noise(canvas, Draws(random(0)), [8.0])[0]
    painting = painted(canvas, Sheet(material, motion))
    middle = canvas.lookup(material[None], canvas.pixels()[None])[0, 0]
    torch.testing.assert_close(painting.frames[2], middle)
    inner = slice(12, 52)
    for index, end in ((0, 0), (-1, 1)):
        found = sampled(painting.frames[index], painting.ends[end])
        error = (found - middle)[inner, inner].abs()
        assert error.mean() < 0.03


@pytest.mark.parametrize("seed", range(4))
def test_frames_follow_a_flow(canvas: Canvas, seed: int) -> None:
    draws = Draws(random(seed))
    material = textures.noise(canvas, draws, [10.0])[0]
    painting = painted(canvas, Sheet(material, draw_flow(canvas, draws, 8.0)))
    inner = slice(12, 52)
    for index, end in ((0, 0), (-1, 1)):
        found = sampled(painting.frames[index], painting.ends[end])
        assert (found - painting.frames[2])[inner, inner].abs().mean() < 0.05


def test_all_frames_are_equally_sharp(canvas: Canvas) -> None:
    material = textures.noise(canvas, Draws(random(0)), [3.0])[0]
    sheet = Sheet(material, Drift(torch.tensor([4.5, 1.5])))
    frames = painted(canvas, sheet).frames[:, 8:-8, 8:-8]
    contrast = frames.diff(dim=-1).square().mean((1, 2))
    assert contrast.amax() < 1.1 * contrast.amin()


def test_closed_cracks_leave_no_seam(canvas: Canvas) -> None:
    draws = Draws(random(0))
    sites = draws.rand(5, 2) * 64
    cells = voronoi(draws, sites, canvas.size)
    material = torch.ones(canvas.fine)
    still = Still()
    pieces = [Body(material, cell, still, overlap=0.7) for cell in cells]
    frames = painted(canvas, Sheet(0 * material, still), *pieces).frames
    assert frames.amin() > 0.98
