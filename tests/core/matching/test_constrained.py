"""Matching with a constraint on scenes that satisfy it, and on the settings around it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from tests.core.helpers import finished, texture

from napari_latentdyn.core.matching import members
from napari_latentdyn.core.matching.pyramid import match_members
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.physics.constraints import Constraint, curl, divergence, rigid
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import Settings

SIDE, PAD, STEPS = 96, 24, 8
#: Noise of the images; their texture has a deviation of 20.
NOISE = 6.0

Floats = NDArray[np.float64]
Flow = Callable[[Floats], Floats]


def bumps(seed: int) -> Callable[[Floats], tuple[Floats, Floats]]:
    """Gradient of a potential of five bumps at positions (2, ...), at most 4 pixels."""
    random = np.random.default_rng(seed)
    centres, widths = random.uniform(0, SIDE, (5, 2)), random.uniform(12, 22, 5)
    heights = random.choice([-1, 1], 5) * random.uniform(0.5, 1.0, 5)

    def slopes(places: Floats) -> Floats:
        total = np.zeros_like(places)
        for centre, width, height in zip(centres, widths, heights, strict=True):
            arm = places - centre.reshape(2, 1, 1)
            bump = np.exp(-(arm**2).sum(axis=0) / (2 * width**2)) / width
            total -= height * arm * bump
        return total

    grid = np.mgrid[:SIDE, :SIDE].astype(float)
    size = 4.0 / np.sqrt((slopes(grid) ** 2).sum(axis=0)).max()
    return lambda places: tuple(size * slopes(places))


def vortices(seed: int) -> Flow:
    slopes = bumps(seed)

    def flow(places: Floats) -> Floats:
        down, right = slopes(places)
        return np.stack([right + 0.6, -down - 0.4])

    return flow


def sources(seed: int) -> Flow:
    slopes = bumps(seed)
    return lambda places: np.stack(slopes(places)) + 0.5


def body(seed: int) -> Flow:
    """A plate that turns by 0.2 radians beside its middle."""
    centre = np.random.default_rng(seed).uniform(30, 60, 2).reshape(2, 1, 1)
    return lambda places: 0.2 * np.stack([-(places - centre)[1], (places - centre)[0]])


def carried(flow: Flow, time: float) -> Floats:
    """Where the points of the pixels are after a time (Runge and Kutta)."""
    places, step = np.mgrid[:SIDE, :SIDE].astype(float), time / STEPS
    for _ in range(STEPS):
        a = flow(places)
        b = flow(places + step / 2 * a)
        c = flow(places + step / 2 * b)
        d = flow(places + step * c)
        places = places + step / 6 * (a + 2 * b + 2 * c + d)
    return places


def images_at(flow: Flow, seed: int, times: tuple[float, ...], noise: float) -> list[Floats]:
    """Images of a texture that a steady flow carries; the time is zero half way."""
    random = np.random.default_rng(seed)
    scene = texture((SIDE + 2 * PAD, SIDE + 2 * PAD), seed, 1.5)
    return [
        ndimage.map_coordinates(scene, carried(flow, -time) + PAD, order=3, mode="nearest")
        + noise * random.normal(size=(SIDE, SIDE))
        for time in times
    ]


KINDS: dict[str, tuple[Callable[[int], Flow], str]] = {
    "vortices": (vortices, "divergence_free"),
    "sources": (sources, "irrotational"),
    "body": (body, "rigid"),
}


@cache
def errors(kind: str, constraint: str) -> tuple[float, float]:
    """Root mean square errors of the velocity, in pixels, and of the frame half way."""
    flow, seed = KINDS[kind][0](21), 21
    first, last = images_at(flow, seed, (-0.5, 0.5), NOISE)
    (middle,) = images_at(flow, seed, (0.0,), 0.0)
    truth = carried(flow, 0.5) - carried(flow, -0.5)
    chosen = Settings.preset("quick").updated(
        {"physics.constraint": constraint, "training.device": "cpu"}
    )
    _, dynamics = finished(fit(Observations.from_arrays(first, last), chosen))
    (ensemble,) = dynamics.fitted.ensembles
    for velocity in (*ensemble.velocities, ensemble.centre):
        assert constraint == "none" or violation(constraint, velocity) < 2e-5
    frame = np.squeeze(dynamics.frames([0.5]))
    wrong = ((ensemble.centre - truth) ** 2).sum(axis=0).mean()
    return math.sqrt(wrong), math.sqrt(((frame - middle) ** 2).mean())


def violation(constraint: str, velocity: NDArray[np.float32]) -> float:
    flow = torch.from_numpy(velocity)[None]
    if constraint == "rigid":
        return float((rigid(flow) - flow).abs().max())
    measure = divergence if constraint == "divergence_free" else curl
    return float(measure(flow).abs().max())


@pytest.mark.parametrize(("kind", "part"), [("vortices", 0.85), ("sources", 0.85), ("body", 0.4)])
def test_a_true_constraint_reduces_the_error_of_the_velocity(kind: str, part: float) -> None:
    free, constrained = errors(kind, "none"), errors(kind, KINDS[kind][1])
    assert constrained[0] < part * free[0]
    assert constrained[1] < 1.005 * free[1]


@pytest.mark.parametrize(
    ("kind", "constraint"), [("vortices", "irrotational"), ("sources", "divergence_free")]
)
def test_a_wrong_constraint_is_worse_than_none(kind: str, constraint: str) -> None:
    assert errors(kind, constraint)[0] > 3 * errors(kind, "none")[0]


def matched(
    images: list[Floats], constraint: Constraint | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Velocities of two members and their consensus."""
    first, last = (((image - 40) / 120).astype(np.float32) for image in images)
    valid = np.ones(first.shape, bool)
    start, device = np.zeros(2, np.float32), torch.device("cpu")
    searching = match_members(
        (first, last), (valid, valid), start, 2, "local", device, constraint=constraint, weigh=True
    )
    ensemble, _ = finished(searching)[1]
    return ensemble.velocities, ensemble.centre


def test_each_region_moves_as_a_body() -> None:
    left, right = (images_at(body(seed), seed, (-0.5, 0.5), NOISE) for seed in (22, 23))
    # The first body has the left half of the first image, and takes it along.
    first, middle, last = (carried(body(22), -0.5 - t)[1] < SIDE // 2 for t in (-0.5, 0.0, 0.5))
    regions = np.where(first, 1, 2)
    both = [
        np.where(left_of, a, b) for left_of, a, b in zip((first, last), left, right, strict=True)
    ]
    truth = np.where(middle, *(carried(f, 0.5) - carried(f, -0.5) for f in (body(22), body(23))))
    # Single pixels along the edge take the other body, which moves by up to 10 pixels.
    wrong = [
        np.sqrt(((matched(both, constraint)[1] - truth) ** 2).sum(axis=0)).mean()
        for constraint in (None, Constraint("rigid", regions=regions))
    ]
    assert wrong[1] < 0.5 * wrong[0]
    assert wrong[1] < 0.1


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_large_images_satisfy_the_constraint_across_tiles(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "_WHOLE", 80 * 80)
    monkeypatch.setattr(members, "TILE", 64)
    monkeypatch.setattr(members, "MARGIN", 8)
    flow, constraint = KINDS[kind][0](24), Constraint(KINDS[kind][1])  # type: ignore[arg-type]
    velocities, centre = matched(images_at(flow, 24, (-0.5, 0.5), NOISE), constraint)
    for velocity in (*velocities, centre):
        assert violation(constraint.kind, velocity) < 2e-5
    truth = carried(flow, 0.5) - carried(flow, -0.5)
    assert np.sqrt(((centre - truth) ** 2).sum(axis=0).mean()) < 0.25


def test_a_weaker_constraint_leaves_more_of_the_violation() -> None:
    images = images_at(vortices(25), 25, (-0.5, 0.5), NOISE)
    left = [
        violation("divergence_free", matched(images, Constraint("divergence_free", strength))[1])
        for strength in (1e-3, 0.3, 1.0)
    ]
    assert left[0] > 2 * left[1] > 1e3 * left[2]


def test_the_intervals_of_a_series_satisfy_the_constraint() -> None:
    images = images_at(vortices(26), 26, (-1.0, 0.0, 1.0), NOISE)
    chosen = Settings.preset("quick").updated(
        {
            "physics.constraint": "divergence_free",
            "training.device": "cpu",
            "training.from_series": False,
        }
    )
    _, dynamics = finished(fit(Observations.from_arrays(*images), chosen))
    for ensemble in dynamics.fitted.ensembles:
        assert ensemble.course is not None
        assert violation("divergence_free", ensemble.centre) < 2e-5


def test_velocities_that_are_not_matched_take_no_constraint(drifting: Observations) -> None:
    chosen = Settings.preset("paper").updated({"physics.constraint": "rigid"})
    with pytest.raises(SettingsError, match=r"must be matched; got zero\. Choose another preset"):
        finished(fit(drifting, chosen))
