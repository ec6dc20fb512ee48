"""Frames of matched members, without networks: at the ends, at edges of motion, in windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.core.helpers import finished, texture

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.rendering import renderer
from napari_latentdyn.core.rendering.members import MemberVelocity
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.settings import Settings


def body_over_ground(shape: tuple[int, int], column: int) -> NDArray[np.float64]:
    image: NDArray[np.float64] = 0.35 * texture(shape, 0)
    image[40:72, column : column + 32] = 80 + texture((32, 32), 1)
    return image


@pytest.fixture(scope="module")
def crossing() -> Dynamics:
    """A body moves by 9 pixels over ground that stands still."""
    images = [body_over_ground((112, 150), column) for column in (50, 59)]
    settings = Settings.preset("quick").updated({"output.preview": False})
    return finished(fit(Observations.from_arrays(*images), settings))[1]


def test_frames_at_the_ends_are_the_images_also_where_two_motions_meet(crossing: Dynamics) -> None:
    images = crossing.observations.images[:, 0]
    spread = float(np.ptp(images))
    shown = crossing.frames([0.0, 1.0])
    assert np.abs(shown - images).max() < 1e-4 * spread
    # And they are reached without a jump: a pixel moves by 0.009 pixels in this time.
    beside = crossing.frames([0.001, 0.999])
    assert np.abs(beside - shown).max() < 0.03 * spread


def test_a_point_is_on_its_own_path_at_every_time() -> None:
    """A rotation by 20 degrees, whose velocity at any place is known: u = w x (r - centre)."""
    side, angle = 96, np.deg2rad(20)
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    chord = 2 * np.tan(angle / 2)
    velocity = torch.from_numpy(np.stack([columns, -rows])[None] * chord).float()
    member = MemberVelocity(velocity, "local")
    for time in (0.0, 0.2, 0.5, 0.8, 1.0):
        first, last = member.places(Window(0, 0, side, side), time, (0, 1))
        for places, end in ((first, 0), (last, 1)):
            turn = angle * (end - time)
            truth = np.stack(
                [
                    np.cos(turn) * rows + np.sin(turn) * columns,
                    np.cos(turn) * columns - np.sin(turn) * rows,
                ]
            )
            missed = np.abs(places[0].numpy() - (side - 1) / 2 - truth)[:, 20:-20, 20:-20]
            # Of parabolas for circles: the third order in the angle, at 40 pixels.
            assert missed.max() < 40 * abs(2 * angle) ** 3 / 24


def test_windows_without_networks_give_what_the_whole_image_gives(
    crossing: Dynamics, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [0.0, 0.3, 0.7, 1.0]
    whole = (crossing.frames(times), crossing.confidence(times))
    monkeypatch.setattr(renderer, "_SIDE", 32)
    parts = (crossing.frames(times), crossing.confidence(times))
    spread = float(np.ptp(crossing.observations.images))
    assert np.abs(parts[0] - whole[0]).max() < 2e-4 * spread
    assert np.abs(parts[1] - whole[1]).max() < 2e-3
