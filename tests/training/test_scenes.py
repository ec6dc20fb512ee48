from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from training.scenes import Scene, make_scene, photometry, recipes, textures
from training.scenes import scene as scene_module
from training.scenes.draws import Canvas, Draws
from training.scenes.flows import draw_flow, draw_motion
from training.scenes.layers import Body, Painting, Sheet
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
from training.scenes.photographs import available
from training.scenes.shapes import Ellipse, voronoi

TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
ENDS = torch.tensor([0.0, 1.0])


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def canvas() -> Canvas:
    return Canvas((64, 72), 20)


def sampled(image: Tensor, points: Tensor) -> Tensor:
    """Look an image (H, W) up at points (2, H, W)."""
    return Canvas((image.shape[0], image.shape[1]), 0).lookup(image[None], points[None])[0, 0]


def painted(canvas: Canvas, *layers: Sheet | Body) -> Painting:
    painting = Painting(canvas, TIMES)
    for layer in layers:
        layer.paint(painting)
    return painting


def only(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene_module, "RECIPES", {getattr(recipes, recipe): 1.0})


# Scenes -----------------------------------------------------------------------


def test_the_same_seed_makes_the_same_scene() -> None:
    for seed in range(4):
        one, other = make_scene(random(seed)), make_scene(random(seed))
        assert torch.equal(one.frames, other.frames)
        assert torch.equal(one.velocity, other.velocity)
        assert torch.equal(one.known, other.known)


def test_other_seeds_make_other_scenes() -> None:
    assert not torch.equal(make_scene(random(0)).frames, make_scene(random(1)).frames)


def test_the_times_do_not_change_the_scene() -> None:
    few = make_scene(random(3), times=(0, 1))
    many = make_scene(random(3), times=TIMES)
    torch.testing.assert_close(few.frames, many.frames[[0, -1]])
    torch.testing.assert_close(few.velocity, many.velocity)


def test_scenes_are_finite_and_within_bounds() -> None:
    still, fastest = 0, 0.0
    for seed in range(60):
        scene = make_scene(random(seed), (64, 64), longest=12.0)
        check(scene, (5, 64, 64), 12.0)
        still += bool(scene.velocity.abs().amax() == 0)
        fastest = max(fastest, float(scene.velocity.norm(dim=0).amax()))
        assert scene.frames[0].std() > 0.002
    assert 0 < still < 12
    assert fastest > 6


def check(scene: Scene, shape: tuple[int, int, int], longest: float) -> None:
    assert scene.frames.shape == shape
    assert scene.velocity.shape == (2, *shape[1:])
    assert scene.known.shape == (1, *shape[1:])
    assert scene.frames.dtype == scene.velocity.dtype == scene.known.dtype == torch.float32
    assert scene.frames.isfinite().all()
    assert scene.velocity.isfinite().all()
    assert set(scene.known.unique().tolist()) <= {0.0, 1.0}
    assert scene.frames.amin() > -0.4
    assert scene.frames.amax() < 1.6
    speed = scene.velocity.norm(dim=0).flatten()
    assert speed.quantile(0.9) <= 2.0 * longest


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(16, 80),
    width=st.integers(16, 80),
    longest=st.floats(0.3, 40),
    seed=st.integers(0, 2**32),
)
def test_any_size_and_any_longest_displacement(
    height: int, width: int, longest: float, seed: int
) -> None:
    scene = make_scene(random(seed), (height, width), (0, 0.5, 1), longest)
    check(scene, (3, height, width), longest)


@pytest.mark.parametrize("recipe", ["ocean", "drifting_patches", "bodies", "leads"])
def test_the_velocity_explains_the_middle_frame(
    recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ends, half a velocity away, agree with the middle far better than a dissolve."""
    only(recipe, monkeypatch)
    ratios = []
    for seed in range(14):
        scene = make_scene(random(seed), (96, 96), (0, 0.5, 1), 12.0)
        first, middle, last = scene.frames
        here = Canvas((96, 96), 0).pixels()
        before = sampled(first, here - scene.velocity / 2)
        after = sampled(last, here + scene.velocity / 2)
        # Where the velocity leads out of view, or to what something hides, it cannot tell.
        inside = torch.ones(96, 96, dtype=torch.bool)
        for points in (here - scene.velocity / 2, here + scene.velocity / 2):
            inside &= ((points >= 0) & (points <= 95)).all(0)
        use = (scene.known[0] > 0) & inside
        moving = use & (scene.velocity.norm(dim=0) > 1.5)
        if moving.sum() < 500:
            continue
        # What one end hides the other shows; what evolves is between the two.
        guesses = torch.stack([before, after, (before + after) / 2])
        warped = (guesses - middle).abs().amin(0)[moving].mean()
        dissolve = ((first + last) / 2 - middle).abs()[moving].mean()
        ratios.append(float(warped / dissolve.clamp(min=1e-3)))
    assert len(ratios) >= 4
    assert torch.tensor(ratios).median() < 0.35


def test_freshly_opened_water_and_new_sources_are_unknown(
    monkeypatch: pytest.MonkeyPatch, canvas: Canvas
) -> None:
    only("leads", monkeypatch)
    assert min(float(make_scene(random(s)).known.mean()) for s in range(12)) < 0.97
    spot = torch.zeros(canvas.fine)
    spot[80:100, 80:100] = 1
    ground = Sheet(torch.zeros(canvas.fine), Still())
    for fade, known in (((0.0, 1.0), 0.0), ((1.0, 0.0), 0.0), ((0.5, 1.0), 1.0)):
        sheet = Sheet(spot, Still(), opacity=spot, fade=fade, convention=True)
        painting = painted(canvas, ground, sheet)
        inner = painting.known()[0, 22:28, 22:28]
        assert (inner == known).all()
        assert painting.known()[0, :10].all()


def test_what_is_hidden_at_one_end_keeps_the_motion_of_its_layer(canvas: Canvas) -> None:
    ground = Sheet(textures.bands(canvas, Draws(random(0))), Still(), convention=True)
    disc = Ellipse(torch.tensor([32.0, 36.0]), (8.0, 8.0))
    body = Body(torch.zeros(canvas.fine), disc, Drift(torch.tensor([0.0, 24.0])), base=1.0)
    painting = painted(canvas, ground, body)
    velocity = painting.ends[1] - painting.ends[0]
    torch.testing.assert_close(velocity[:, 32, 36], torch.tensor([0.0, 24.0]))
    assert velocity[:, 32, 24].abs().amax() == 0
    known = painting.known()[0]
    assert known[32, 36] == 1
    assert known[32, 24] == 0
    assert known[32, 48] == 0
    assert known[5, 5] == 1


# Motions ----------------------------------------------------------------------


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


# Textures ---------------------------------------------------------------------


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


# Sensor -----------------------------------------------------------------------


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
