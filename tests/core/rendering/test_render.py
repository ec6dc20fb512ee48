"""Whole-image results have no seams, need little memory and hold at any time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.core.helpers import finished, moved, remade, small_settings

from napari_latentdyn.core.dynamics.result import Dynamics, frame_times
from napari_latentdyn.core.networks.architectures import Encoder
from napari_latentdyn.core.networks.model import CONTRAST_REACH, LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.physics.spline import MARGIN
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.runfolder.schema import InputReport
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import OutOfMemoryError, RunFolderError, SettingsError, Stopped
from napari_latentdyn.settings import Settings

Array = NDArray[np.floating[Any]]


@pytest.fixture(scope="module")
def learned(drifting: Observations) -> Dynamics:
    settings = small_settings(model__initial_fields="matched", model__members=2)
    return finished(fit(drifting, settings))[1]


def dynamics_with(learned: Dynamics, **changes: object) -> Dynamics:
    """The same weights and fields under other settings."""
    chosen = learned.settings.updated(
        {name.replace("__", "."): value for name, value in changes.items()}
    )
    model = LatentDynamics(1, chosen)
    model.load_state_dict(learned.fitted.model.state_dict())
    return remade(learned, settings=chosen, model=model)


@pytest.mark.parametrize("transport", ["stages", "characteristics"])
def test_windows_give_what_the_whole_image_gives(learned: Dynamics, transport: str) -> None:
    """The decoder's residual is zero in a fresh model, so the windows must agree exactly."""
    at = moved((5.0, -3.0), shape=(100, 90))
    pair = Observations.from_arrays(at(0), at(1))
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
    pair = Observations.from_arrays(at(0), at(1))
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
    # The window, the reach of the encoder with its local contrast, and the room around the places
    # on either side.
    assert largest <= (48 + 2 * (7 + CONTRAST_REACH + MARGIN)) ** 2


def test_ends_are_the_images_where_the_state_holds_them(learned: Dynamics) -> None:
    frames = learned.frames([0.0, 1.0])
    np.testing.assert_allclose(frames[0], learned.observations.images[0][0], rtol=0.02)
    np.testing.assert_allclose(frames[1], learned.observations.images[1][0], rtol=0.02)


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
    np.testing.assert_allclose(states[0, 0], learned.observations.normalised()[0][0], atol=1e-5)


def test_one_sided_states_start_from_the_first_image_only(learned: Dynamics) -> None:
    one = dynamics_with(learned, physics__equation="advection", output__window=1024)
    last = one.frames([1.0])[0]
    pair = Observations.from_arrays(
        learned.observations.images[0][0], np.roll(learned.observations.images[1][0], 7)
    )
    other = remade(one, observations=pair)
    scale = float((pair.high - pair.low)[0] / (one.observations.high - one.observations.low)[0])
    assert scale == pytest.approx(1.0)
    np.testing.assert_allclose(other.frames([1.0])[0], last, rtol=1e-4)


def converging(side: int, stretch: float) -> tuple[Callable[[float], Array], Array]:
    """A density over a uniform ground that converges on the centre, and its fields of 4 stages."""
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2

    def density(time: float) -> Array:
        grown = np.exp(-stretch * time)
        spots = [
            np.exp(-((grown * rows - y) ** 2 + (grown * columns - x) ** 2) / (2 * 5.0**2))
            for y, x in ((-12, -8), (10, -14), (6, 12))
        ]
        return np.asarray(grown**2 * (10.0 + 40.0 * np.sum(spots, axis=0)))

    fields = np.stack([stretch * rows, stretch * columns])[None] / 4
    return density, np.repeat(fields, 4, axis=0).astype(np.float32)


@pytest.mark.parametrize("normalisation", ["pair", "percentile"])
@pytest.mark.parametrize("transport", ["stages", "characteristics"])
def test_a_density_grows_where_the_flow_converges(transport: str, normalisation: str) -> None:
    density, fields = converging(80, -0.3)
    pair = Observations.from_arrays(density(0), density(1))
    times = [0.0, 0.25, 0.5, 1.0]
    truth = np.stack([density(time) for time in times])
    error = {}
    for equation in ("continuity", "advection"):
        chosen = small_settings(
            model__stages=4,
            images__normalisation=normalisation,
            physics__equation=equation,
            physics__transport=transport,
            output__window=48,
        )
        torch.manual_seed(0)
        frames = Renderer(LatentDynamics(1, chosen), pair).frames(fields, times)[:, 0]
        error[equation] = np.abs(frames - truth).max() / truth.max()
    assert error["continuity"] < (0.01 if transport == "characteristics" else 0.02)
    assert error["advection"] > 0.2


def test_a_density_may_exceed_both_images_in_between() -> None:
    """What converges and parts again is densest half way, which no limiter may cut."""
    density, fields = converging(80, -0.3)
    fields[2:] *= -1
    again = density(0).copy()
    again[0, 0] += 0.1  # Equal images are refused.
    pair = Observations.from_arrays(density(0), again)
    chosen = small_settings(model__stages=4, physics__equation="continuity")
    torch.manual_seed(0)
    frames = Renderer(LatentDynamics(1, chosen), pair).frames(fields, [0.0, 0.5, 1.0])[:, 0]
    assert frames[1].max() == pytest.approx(np.exp(0.3) * density(0).max(), rel=0.02)
    np.testing.assert_allclose(frames[0], density(0), atol=0.3)


def test_rendering_stops_when_asked(learned: Dynamics) -> None:
    with pytest.raises(Stopped):
        learned.frames([0.2, 0.4], should_stop=lambda: True)
    assert next(learned.fitted.model.parameters()).device.type == "cpu"


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
    named = [{"name": "day 1"}, {"name": "day 2"}]
    learned = remade(learned, report={"inputs": [InputReport(**source) for source in named]})
    again = Dynamics.load(learned.save(tmp_path / "run"))
    np.testing.assert_array_equal(again.fields, learned.fields)
    np.testing.assert_array_equal(
        again.fitted.ensembles[0].velocities, learned.fitted.ensembles[0].velocities
    )
    np.testing.assert_array_equal(
        again.fitted.ensembles[0].weights, learned.fitted.ensembles[0].weights
    )
    assert again.fitted.ensembles[0].still == learned.fitted.ensembles[0].still
    np.testing.assert_array_equal(again.frames([0.35]), learned.frames([0.35]))
    np.testing.assert_array_equal(again.confidence([0.35]), learned.confidence([0.35]))
    assert again.settings == learned.settings
    assert again.report.inputs[0].name == "day 1"
    # What was known of the images is known of a copy of the run, too.
    reference = {"crs_wkt": "LOCAL", "transform": [40.0, 0.0, 1.0, 0.0, -40.0, 2.0]}
    placed = remade(learned, report={"inputs": [InputReport(name="day 1", geo=reference)]})
    copied = Dynamics.load(placed.at([0.0]).save(tmp_path / "known"))
    copied = Dynamics.load(copied.save(tmp_path / "copy"))
    assert copied.report.inputs[0].geo == reference
    seen, on = finished(
        fit(
            again.observations,
            learned.settings.updated({"training.steps": 6}),
            resume=again.fitted.checkpoint,
        )
    )
    assert [p.step for p in seen if p.phase == "train"] == [5, 6]
    assert on.report.steps == 6


def test_a_model_that_does_not_fit_its_settings_is_refused(
    learned: Dynamics, tmp_path: Path
) -> None:
    folder = learned.save(tmp_path / "run")
    other = learned.settings.updated({"model.latent_channels": 4})
    (folder / "settings.json").write_text(other.to_json())
    with pytest.raises(RunFolderError, match="does not fit its settings"):
        assert Dynamics.load(folder).fitted


def test_encoder_and_decoder_do_not_run_where_the_residual_is_zero(
    drifting: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    untrained = finished(fit(drifting, small_settings(training__steps=0)))[1]
    model = untrained.fitted.model
    assert model.is_image_alone
    shown = untrained.frames([0.0, 0.3, 1.0])
    # With the state that the networks make, the frames are the same.
    with monkeypatch.context() as patch:
        patch.setattr(type(model), "is_image_alone", False)
        np.testing.assert_allclose(untrained.frames([0.0, 0.3, 1.0]), shown, atol=1e-6)
        assert untrained.latents([0.3]).shape[1] == model.latent_channels

    def fail(*_: object) -> None:
        raise AssertionError("a network ran")

    for network in (model.encoder, model.decoder, model.extractor):
        monkeypatch.setattr(network, "forward", fail)
    np.testing.assert_array_equal(untrained.frames([0.0, 0.3, 1.0]), shown)
    (state,) = untrained.latents([0.3])
    assert len(state) == 1
    # Without the units of the image.
    assert np.corrcoef(state.ravel(), shown[1].ravel())[0, 1] == pytest.approx(1, abs=1e-4)
    assert untrained.confidence([0.3]).shape == (1, *drifting.shape)


def test_encoder_and_decoder_run_after_training(learned: Dynamics) -> None:
    assert not learned.fitted.model.is_image_alone
    assert learned.latents([0.3]).shape[1] == learned.fitted.model.latent_channels
