"""Whole-image results have no seams, need little memory and hold at any time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.core.helpers import finished, moved, small_settings, spin, turning

from napari_latentdyn.core.dynamics import Dynamics, frame_times
from napari_latentdyn.core.fit import fit
from napari_latentdyn.core.initial import start_fields
from napari_latentdyn.core.model import LatentDynamics
from napari_latentdyn.core.networks import Encoder
from napari_latentdyn.core.pair import ImagePair
from napari_latentdyn.core.render import Renderer
from napari_latentdyn.core.spline import MARGIN
from napari_latentdyn.errors import OutOfMemoryError, RunFolderError, SettingsError, Stopped
from napari_latentdyn.settings import Settings


@pytest.fixture(scope="module")
def learned(drifting: ImagePair) -> Dynamics:
    settings = small_settings(model__initial_fields="matched", model__members=2)
    return finished(fit(drifting, settings))[1]


def dynamics_with(learned: Dynamics, **changes: object) -> Dynamics:
    """The same weights and fields under other settings."""
    chosen = learned.settings.updated(
        {name.replace("__", "."): value for name, value in changes.items()}
    )
    model = LatentDynamics(1, chosen)
    model.load_state_dict(learned.model.state_dict())
    return Dynamics(learned.pair, chosen, model, learned.fields, learned.report, learned.velocities)


@pytest.mark.parametrize("transport", ["stages", "characteristics"])
def test_windows_give_what_the_whole_image_gives(learned: Dynamics, transport: str) -> None:
    """The decoder's residual is zero in a fresh model, so the windows must agree exactly."""
    at = moved((5.0, -3.0), shape=(100, 90))
    pair = ImagePair.from_arrays(at(0), at(1))
    fields = np.zeros((3, 2, 100, 90), np.float32)
    fields[:, 0], fields[:, 1] = 5.0 / 3, -1.0
    images = []
    for window in (1024, 32):
        chosen = small_settings(output__window=window, physics__transport=transport)
        torch.manual_seed(0)
        renderer = Renderer(LatentDynamics(1, chosen), pair)
        images.append(renderer.frames(fields, [0.0, 0.3, 0.5, 1.0])[:, 0])
        assert len(renderer.windows) == (1 if window == 1024 else 30)
    tolerance = 1e-3 if transport == "characteristics" else 0.5
    assert np.abs(images[0] - images[1]).max() < tolerance
    inner = np.s_[:, 8:-8, 8:-8]
    truth = np.stack([at(t) for t in (0.0, 0.3, 0.5, 1.0)])
    assert np.abs(images[1] - truth)[inner].max() < (2.0 if transport == "characteristics" else 12)


def test_states_are_encoded_in_windows_only(
    learned: Dynamics, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = moved((5.0, -3.0), shape=(256, 256))
    pair = ImagePair.from_arrays(at(0), at(1))
    largest = 0
    real = Encoder.forward

    def forward(encoder: Encoder, image: torch.Tensor) -> torch.Tensor:
        nonlocal largest
        largest = max(largest, image.shape[-1] * image.shape[-2])
        return real(encoder, image)

    monkeypatch.setattr(Encoder, "forward", forward)
    chosen = small_settings(output__window=48)
    renderer = Renderer(LatentDynamics(1, chosen), pair)
    fields = renderer.fields(np.zeros((3, 2, 256, 256), np.float32))
    renderer.frames(fields, [0.5])
    # The window, the reach of the encoder and the room around the places on either side.
    assert largest <= (48 + 2 * (7 + MARGIN)) ** 2


def test_ends_are_the_images_where_the_state_holds_them(learned: Dynamics) -> None:
    frames = learned.frames([0.0, 1.0])
    np.testing.assert_allclose(frames[0], learned.pair.first[0], rtol=0.02)
    np.testing.assert_allclose(frames[1], learned.pair.last[0], rtol=0.02)


@settings(max_examples=15, deadline=None)
@given(time=st.floats(0, 1))
def test_any_time_gives_a_finite_frame(learned: Dynamics, time: float) -> None:
    frame = learned.frames([time])
    assert frame.shape == (1, 64, 64)
    assert frame.dtype == np.float32
    assert np.isfinite(frame).all()
    assert frame.min() > 0
    assert frame.max() < 250


def test_time_is_continuous(learned: Dynamics) -> None:
    frames = learned.frames(np.linspace(0, 1, 61))
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    assert steps.max() < 3 * np.median(steps)


@pytest.mark.parametrize("times", [[-0.1], [0.5, 1.2], [np.nan], [[0.1]]])
def test_times_outside_of_the_interval_are_refused(learned: Dynamics, times: list[float]) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        learned.frames(times)


def test_latent_states_hold_the_image(learned: Dynamics) -> None:
    states = learned.latents([0.0, 0.5])
    assert states.shape == (2, 3, 64, 64)
    np.testing.assert_allclose(states[0, 0], learned.pair.normalised()[0][0], atol=1e-5)


def test_one_sided_states_start_from_the_first_image_only(learned: Dynamics) -> None:
    one = dynamics_with(learned, physics__ends="first", output__window=1024)
    last = one.frames([1.0])[0]
    pair = ImagePair.from_arrays(learned.pair.first[0], np.roll(learned.pair.last[0], 7))
    other = Dynamics(pair, one.settings, one.model, one.fields, one.report, one.velocities)
    scale = float((pair.high - pair.low)[0] / (one.pair.high - one.pair.low)[0])
    assert scale == pytest.approx(1.0)
    np.testing.assert_allclose(other.frames([1.0])[0], last, rtol=1e-4)


def test_rendering_stops_when_asked(learned: Dynamics) -> None:
    with pytest.raises(Stopped):
        learned.frames([0.2, 0.4], should_stop=lambda: True)
    assert next(learned.model.parameters()).device.type == "cpu"


def test_rendering_tells_how_far_it_is(learned: Dynamics) -> None:
    seen: list[tuple[int, int]] = []
    learned.frames([0.2, 0.4, 0.6], on_frame=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_no_memory_for_frames_is_said_in_one_sentence(
    learned: Dynamics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(LatentDynamics, "decode", full)
    with pytest.raises(OutOfMemoryError, match="smaller window"):
        learned.frames([0.5])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.one_of(st.none(), st.integers(0, 30)))
def test_frames_lie_evenly_and_include_both_ends(stages: int, between: int | None) -> None:
    chosen = Settings().updated({"model.stages": stages, "output.frames": between})
    times = frame_times(chosen)
    assert times[0] == 0.0
    assert times[-1] == 1.0
    assert len(times) == (stages + 1 if between is None else between + 2)
    assert np.ptp(np.diff(times)) < 1e-12


def test_chosen_times_gain_both_ends() -> None:
    chosen = Settings().updated({"output.times": (0.7, 0.1, 0.7)})
    assert frame_times(chosen).tolist() == [0.0, 0.1, 0.7, 1.0]


def test_a_run_folder_gives_the_same_dynamics(learned: Dynamics, tmp_path: Path) -> None:
    folder = learned.save(tmp_path / "run", inputs={"first": {"name": "day 1"}})
    again = Dynamics.load(folder)
    np.testing.assert_array_equal(again.fields, learned.fields)
    np.testing.assert_array_equal(again.velocities, learned.velocities)
    np.testing.assert_array_equal(again.frames([0.35]), learned.frames([0.35]))
    np.testing.assert_array_equal(again.confidence([0.35]), learned.confidence([0.35]))
    assert again.settings == learned.settings
    assert again.report["inputs"]["first"]["name"] == "day 1"
    seen, on = finished(
        fit(again.pair, learned.settings.updated({"training.steps": 6}), resume=again.checkpoint)
    )
    assert [p.step for p in seen if p.phase == "train"] == [5, 6]
    assert on.report["steps"] == 6


def test_a_model_that_does_not_fit_its_settings_is_refused(
    learned: Dynamics, tmp_path: Path
) -> None:
    folder = learned.save(tmp_path / "run")
    other = learned.settings.updated({"model.latent_channels": 4})
    (folder / "settings.json").write_text(other.to_json())
    with pytest.raises(RunFolderError, match="does not fit its settings"):
        Dynamics.load(folder)


TIMES = (0.0, 0.3, 0.5, 1.0)


def fresh(settings: Settings) -> LatentDynamics:
    """A model that moves the image and changes nothing, with the same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LatentDynamics(1, settings)


def turned_pair(shape: tuple[int, int] = (64, 64), angle: float = 0.15) -> ImagePair:
    at = turning(angle, shape)
    return ImagePair.from_arrays(at(0), at(1))


def spinning(
    count: int, shape: tuple[int, int] = (64, 64), scatter: float = 0.0
) -> NDArray[np.float32]:
    """Velocities of members, whose mean turns by 0.15."""
    angles = 0.15 * (1 + scatter * np.linspace(-1, 1, count)) if count > 1 else [0.15]
    return np.stack([spin(float(angle), shape) for angle in angles]).astype(np.float32)


@pytest.mark.parametrize("motion", ["steady", "inertial", "local"])
def test_members_that_are_all_the_same_change_nothing(motion: str) -> None:
    pair, chosen = turned_pair(), small_settings(physics__motion=motion)
    velocities = spinning(3)
    fields = start_fields(velocities, chosen)
    span = float((pair.high - pair.low)[0])
    model = fresh(chosen)
    one = Renderer(model, pair).frames(fields, TIMES)
    several = Renderer(model, pair, velocities=velocities).frames(fields, TIMES)
    assert np.abs(one - several).max() < 1e-4 * span
    other = Renderer(model, pair, velocities=spinning(3, scatter=0.5)).frames(fields, TIMES)
    assert np.abs(one - other).max() > 1e-2 * span


def test_what_was_learned_moves_all_members_alike() -> None:
    """Members that are wrong by the same amount as the fields were mended come out right."""
    at = moved((5.0, -3.0))
    pair, chosen = ImagePair.from_arrays(at(0), at(1)), small_settings()
    start = np.zeros((2, 2, 64, 64), np.float32)
    start[:, 0], start[:, 1] = 3.0, -4.0
    learned_fields = start_fields(start, chosen)
    learned_fields[:, 0] += 2.0 / 3
    learned_fields[:, 1] += 1.0 / 3
    frame = Renderer(fresh(chosen), pair, velocities=start).frames(learned_fields, [0.5])[0, 0]
    assert np.abs(frame - at(0.5))[8:-8, 8:-8].max() < 1.0


@pytest.mark.parametrize(
    ("wanted", "window", "windows", "largest"),
    # The scatter is smoothed within each window, so that its borders are seen in it a little.
    [("frames", 64, 9, 5e-4), ("frames", 32, 36, 5e-4), ("confidence", 64, 9, 5e-3)],
)
def test_windows_with_members_leave_no_seams(
    wanted: str, window: int, windows: int, largest: float
) -> None:
    shape = (104, 100)
    # As far as half of a small window, so that its fields are needed well beyond it.
    velocities = (spinning(2, shape, scatter=0.3) * (0.4 / 0.15)).astype(np.float32)
    pair = turned_pair(shape, 0.4)
    results = []
    for side in (1024, window):
        chosen = small_settings(output__window=side)
        renderer = Renderer(fresh(chosen), pair, velocities=velocities)
        assert len(renderer.windows) == (1 if side == 1024 else windows)
        fields = start_fields(velocities, chosen)
        results.append(getattr(renderer, wanted)(fields, (0.3, 0.5)))
    span = float((pair.high - pair.low)[0]) if wanted == "frames" else 1.0
    difference = np.abs(results[0] - results[1])[..., 8:-8, 8:-8]
    assert difference.max() < largest * span


def test_confidence_is_lower_where_members_disagree() -> None:
    at = moved((4.0, 0.0), (64, 72))
    pair, chosen = ImagePair.from_arrays(at(0), at(1)), small_settings()
    velocities = np.zeros((3, 2, 64, 72), np.float32)
    velocities[:, 0] = 4.0
    velocities[:, 1, :, 36:] = np.array([-3.0, 0.0, 3.0], np.float32)[:, None, None]
    fields = start_fields(velocities, chosen)
    renderer = Renderer(fresh(chosen), pair, velocities=velocities)
    sure = renderer.confidence(fields, TIMES)
    assert sure.shape == (4, 1, 64, 72)
    assert sure.dtype == np.float32
    assert sure.min() >= 0
    assert sure.max() <= 1 + 1e-6
    middle = sure[2, 0, 8:-8]
    assert middle[:, 8:24].mean() > 0.95
    assert middle[:, 48:-8].mean() < 0.6
    # The ends are the images themselves, wherever members go.
    assert sure[0].min() > 0.99
    assert sure[3].min() > 0.99


@settings(max_examples=8, deadline=None)
@given(time=st.floats(0, 1))
def test_confidence_is_a_number_between_zero_and_one(learned: Dynamics, time: float) -> None:
    sure = learned.confidence([time])
    assert sure.shape == (1, 64, 64)
    assert np.isfinite(sure).all()
    assert sure.min() >= 0
    assert sure.max() <= 1 + 1e-6


def test_what_neither_image_shows_has_no_confidence() -> None:
    at = moved((0.0, 3.0))
    first, last = at(0), at(1)
    first[20:30, 20:30] = last[20:30, 23:33] = np.nan
    pair, chosen = ImagePair.from_arrays(first, last), small_settings()
    velocities = np.zeros((2, 2, 64, 64), np.float32)
    velocities[:, 1] = 3.0
    renderer = Renderer(fresh(chosen), pair, velocities=velocities)
    fields = start_fields(velocities, chosen)
    sure = renderer.confidence(fields, [0.5])[0, 0]
    missing = np.isnan(renderer.frames(fields, [0.5])[0, 0])
    assert missing[21:29, 23:30].all()
    assert not sure[missing].any()
    assert sure[~missing].min() > 0.5


def test_water_that_was_not_there_is_taken_from_the_image_that_shows_it() -> None:
    """Two plates part; half way, the gap is as dark as in the last image."""
    first = moved((0.0, 0.0))(0) + 100.0
    last = np.full((64, 64), 20.0)
    last[:24], last[40:] = first[8:32], first[32:56]
    velocities = np.zeros((1, 2, 64, 64), np.float32)
    pair = ImagePair.from_arrays(first, last)
    # Half way the water lies between the rows 28 and 36; it comes from a single line.
    velocities[0, 0] = np.clip((np.arange(64) - 31.5) * 2.0, -8, 8)[:, None]
    depth = {}
    for visible in (False, True):
        chosen = small_settings(
            physics__visibility=visible, physics__motion="inertial", model__stages=8
        )
        frame = Renderer(fresh(chosen), pair).frames(start_fields(velocities, chosen), [0.5])
        depth[visible] = float(frame[0, 0, 30:34, 8:-8].mean())
    assert depth[True] < 50.0
    assert depth[False] > 100.0


def test_dynamics_without_a_checkpoint_come_back_bit_for_bit(
    learned: Dynamics, tmp_path: Path
) -> None:
    velocities = spinning(3, scatter=0.2)
    fields = start_fields(velocities, learned.settings)
    made = Dynamics(
        learned.pair, learned.settings, learned.model, fields, learned.report, velocities
    )
    again = Dynamics.load(made.save(tmp_path / "run"))
    assert again.checkpoint is None
    np.testing.assert_array_equal(again.velocities, velocities)
    np.testing.assert_array_equal(again.fields, fields)
    for what in ("frames", "confidence", "latents"):
        there, here = (getattr(d, what)([0.2, 0.5]) for d in (made, again))
        np.testing.assert_array_equal(there, here)


def test_a_run_of_an_older_version_with_one_steady_field_is_read(
    drifting: ImagePair, tmp_path: Path
) -> None:
    chosen = small_settings(model__initial_fields="drift")
    made = finished(fit(drifting, chosen))[1]
    assert made.checkpoint is not None
    start = made.checkpoint.start
    assert start.shape == (1, 2, 64, 64)
    made.checkpoint = dataclasses.replace(made.checkpoint, start=start[0])
    again = Dynamics.load(made.save(tmp_path / "run"))
    np.testing.assert_array_equal(again.velocities, start)
    np.testing.assert_array_equal(again.frames([0.4]), made.frames([0.4]))
    assert again.checkpoint is not None
    assert again.checkpoint.start.shape == (1, 2, 64, 64)
    _, on = finished(
        fit(again.pair, chosen.updated({"training.steps": 5}), resume=again.checkpoint)
    )
    assert on.report["steps"] == 5


def test_dynamics_that_know_no_velocities_take_those_of_their_fields(learned: Dynamics) -> None:
    plain = Dynamics(learned.pair, learned.settings, learned.model, learned.fields, learned.report)
    np.testing.assert_array_equal(plain.velocities, learned.fields.sum(axis=0)[None])
    assert np.isfinite(plain.frames([0.5])).all()
