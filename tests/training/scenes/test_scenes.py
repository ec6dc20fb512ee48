"""Generated scenes: repeatable, finite, and true to their velocity."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.scenes.helpers import TIMES, painted, random, sampled
from training.scenes import Scene, make_scene, recipes, textures
from training.scenes import scene as scene_module
from training.scenes.draws import Canvas, Draws
from training.scenes.layers import Body, Sheet
from training.scenes.motions import (
    Drift,
    Still,
)
from training.scenes.shapes import Ellipse


def only(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene_module, "RECIPES", {getattr(recipes, recipe): 1.0})


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
