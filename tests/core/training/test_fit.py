"""A fit learns, stops, goes on, repeats itself, and fails in one sentence."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from tests.core.helpers import finished, moved, small_settings

from napari_latentdyn.core.dynamics.checkpoint import Checkpoint
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training import fit as fit_module
from napari_latentdyn.core.training import loop as loop_module
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import FitError, OutOfMemoryError, Stopped, UserError


def test_progress_tells_each_step_and_every_term(
    drifting: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_module, "_SHOW_EVERY", 0.0)
    seen, dynamics = finished(fit(drifting, small_settings()))
    prepared = [p for p in seen if p.phase == "prepare"]
    assert [p.phase for p in seen[len(prepared) :]] == ["train"] * 4 + ["render"]
    assert prepared[-1].step == prepared[-1].total, "the end of a phase is told, too"
    training = [p for p in seen if p.phase == "train"]
    assert [p.step for p in training] == [1, 2, 3, 4]
    assert all(p.total == 4 for p in training)
    assert set(training[0].losses) == {"total", "match", "autoencoding", "space"}
    assert np.all(np.diff([p.seconds for p in seen]) >= 0)
    assert all(p.message for p in seen)
    assert dynamics.fields.shape == (3, 2, 64, 64)
    assert dynamics.report.steps == 4
    assert dynamics.report.stopped_early is False
    assert dynamics.report.losses["last"] == training[-1].losses


def test_matching_is_shown_now_and_then_and_can_be_stopped(drifting: Observations) -> None:
    settings = small_settings(model__initial_fields="matched", model__members=2)
    seen, dynamics = finished(fit(drifting, settings))
    prepared = [p for p in seen if p.phase == "prepare"]
    assert {p.total for p in prepared} == {300}
    assert all(0 <= p.step <= p.total for p in prepared)
    assert np.all(np.diff([p.step for p in prepared]) >= 0)
    # Thousands of pieces of work, of which a user wants to see ten in a second.
    assert prepared[-1].step == 300
    assert 2 <= len(prepared) <= 3 + prepared[-1].seconds / 0.1
    assert prepared[-1].message == "Matching the images…"
    assert dynamics.fitted.ensembles[0].velocities.shape == (2, 2, 64, 64)
    assert (
        np.abs(dynamics.fitted.ensembles[0].velocities.mean(axis=(2, 3)) - [5.0, -3.0]).max() < 0.3
    )

    asked = 0

    def soon() -> bool:
        nonlocal asked
        asked += 1
        return asked > 50

    with pytest.raises(Stopped):
        finished(fit(drifting, settings, should_stop=soon))
    assert asked == 51


def test_paper_finds_a_drift_from_nothing() -> None:
    at = moved((3.0, -2.0))
    pair = Observations.from_arrays(at(0), at(1))
    changes = {
        "training.steps": 200,
        "training.learning_rate": 3e-3,
        "training.batch_size": 4,
        "model.unet_width": 6,
        "model.encoder_width": 8,
        "model.latent_channels": 4,
        "images.normalisation": "pair",
    }
    _, dynamics = finished(fit(pair, small_settings("paper").updated(changes)))
    losses = dynamics.report.losses
    assert losses["last"]["match"] < 0.2 * losses["first"]["match"]
    inner = dynamics.fields.sum(axis=0)[:, 8:-8, 8:-8]
    assert np.abs(inner.mean(axis=(1, 2)) - [3.0, -2.0]).max() < 0.7


def test_standard_finds_a_drift_and_beats_the_cross_dissolve(drifting: Observations) -> None:
    at = moved((5.0, -3.0))
    settings = small_settings(training__steps=30, model__initial_fields="matched", model__members=2)
    _, dynamics = finished(fit(drifting, settings))
    field = dynamics.fields.sum(axis=0)
    assert np.abs(field.mean(axis=(1, 2)) - [5.0, -3.0]).max() < 0.3
    middle, dissolve = dynamics.frames([0.5])[0], (at(0) + at(1)) / 2
    ours, theirs = ((x - at(0.5))[4:-4, 4:-4].std() for x in (middle, dissolve))
    assert ours < 0.15 * theirs


def test_the_same_seed_gives_the_same_result(drifting: Observations) -> None:
    before = torch.random.get_rng_state()
    runs = [
        finished(fit(drifting, small_settings(training__seed=s, training__keep_better=False)))[1]
        for s in (1, 1, 2)
    ]
    assert np.array_equal(runs[0].fields, runs[1].fields)
    assert np.array_equal(runs[0].frames([0.4]), runs[1].frames([0.4]))
    assert not np.array_equal(runs[0].fields, runs[2].fields)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("preset", ["standard", "paper"])
def test_a_fit_that_went_on_equals_one_that_never_stopped(
    drifting: Observations, preset: str
) -> None:
    settings = small_settings(preset, training__steps=6)
    _, whole = finished(fit(drifting, settings))
    done: list[int] = []

    def stop_after_two() -> bool:
        return len(done) >= 2

    fitting = fit(drifting, settings, should_stop=stop_after_two)
    for progress in fitting:
        if progress.phase == "train":
            done.append(progress.step)
        if stop_after_two():
            break
    _, half = finished(fitting)
    assert half.report.stopped_early is True
    assert half.report.steps == 2
    assert half.fitted.checkpoint is not None
    arrays = {name: array.copy() for name, array in half.fitted.checkpoint.to_arrays().items()}
    reread = Checkpoint.from_arrays(
        arrays,
        step=2,
        history=half.fitted.checkpoint.history,
        seconds=half.fitted.checkpoint.seconds,
    )
    seen, resumed = finished(fit(drifting, settings, resume=reread))
    assert [p.step for p in seen if p.phase == "train"] == [3, 4, 5, 6]
    np.testing.assert_allclose(resumed.fields, whole.fields, atol=1e-6)
    assert resumed.report.steps == 6
    assert not resumed.report.stopped_early


def test_stopping_before_the_initial_fields_are_found_gives_nothing(drifting: Observations) -> None:
    with pytest.raises(Stopped):
        finished(fit(drifting, small_settings(), should_stop=lambda: True))


def test_stopping_before_the_first_step_gives_the_initial_fields(drifting: Observations) -> None:
    settings = small_settings(model__initial_fields="zero")
    _, dynamics = finished(fit(drifting, settings, should_stop=lambda: True))
    assert dynamics.report.steps == 0
    assert dynamics.report.stopped_early
    assert dynamics.fitted.checkpoint is not None
    assert np.isfinite(dynamics.frames()).all()


def test_a_checkpoint_of_other_networks_is_refused(drifting: Observations) -> None:
    _, dynamics = finished(fit(drifting, small_settings(model__initial_fields="zero")))
    other = small_settings(model__latent_channels=5, model__initial_fields="zero")
    with pytest.raises(FitError, match="start again"):
        finished(fit(drifting, other, resume=dynamics.fitted.checkpoint))


def test_previews_come_in_the_units_of_the_input(
    drifting: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_latentdyn.core.training.preview.Preview.INTERVAL", 0.0)
    monkeypatch.setattr("napari_latentdyn.core.training.preview.Preview.SHARE", 1e9)
    settings = small_settings(output__preview=True, output__window=32, model__initial_fields="zero")
    seen, dynamics = finished(fit(drifting, settings))
    previews = [p.preview for p in seen if p.preview is not None]
    assert len(previews) == 4
    assert all(preview.shape == (64, 64) for preview in previews)
    assert previews[0] is not previews[1]
    assert abs(float(previews[-1].mean()) - 100.0) < 10.0
    assert np.isfinite(dynamics.frames()).all()


class _Failing:
    """Fails in the first so many steps as PyTorch does."""

    def __init__(self, message: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[int] = []
        real = LatentDynamics.forward

        def forward(model: LatentDynamics, batch: Any) -> Any:
            self.batches.append(len(batch.first))
            if len(self.batches) <= times:
                raise RuntimeError(message)
            return real(model, batch)

        monkeypatch.setattr(LatentDynamics, "forward", forward)


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_out_of_memory_is_tried_once_with_half_of_the_batch(
    drifting: Observations, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    settings = small_settings(training__batch_size=4, model__initial_fields="zero")
    failing = _Failing(message, 1, monkeypatch)
    seen, dynamics = finished(fit(drifting, settings))
    assert failing.batches[:2] == [4, 2]
    assert dynamics.report.batch_size == 2
    assert dynamics.report.steps == 4
    assert any("batches of 2" in p.message for p in seen)

    failing = _Failing(message, 2, monkeypatch)
    with pytest.raises(OutOfMemoryError, match="choose a smaller patch size"):
        finished(fit(drifting, settings))


def test_errors_of_pytorch_become_one_sentence(
    drifting: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Failing("expected scalar type\nmany lines", 99, monkeypatch)
    with pytest.raises(FitError, match="expected scalar type") as caught:
        finished(fit(drifting, small_settings(model__initial_fields="zero")))
    assert not isinstance(caught.value, RuntimeError)
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_loss_that_is_no_number_stops_the_fit(
    drifting: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "total_loss", lambda terms, _: terms["match"] * float("nan"))
    with pytest.raises(FitError, match=r"the loss became NaN after \d+ steps; lower the learning"):
        finished(fit(drifting, small_settings(model__initial_fields="zero")))


@pytest.mark.parametrize("steps", [1, 2])
def test_a_last_step_that_breaks_the_networks_is_noticed(steps: int) -> None:
    """Small images without the image in the latent state: frames were NaN almost everywhere."""
    first, last = np.random.default_rng(0).normal(size=(2, 16, 31))
    pair = Observations.from_arrays(first, last)
    settings = small_settings(
        model__image_in_latent=False,
        model__initial_fields="zero",
        model__unet_width=64,
        model__encoder_width=64,
        training__learning_rate=1.0,
        training__steps=steps,
    )
    with pytest.raises(FitError, match="lower the learning rate"):
        finished(fit(pair, settings))


def test_broken_networks_are_refused_when_frames_are_drawn(drifting: Observations) -> None:
    settings = small_settings(training__steps=1, model__initial_fields="zero")
    _, dynamics = finished(fit(drifting, settings))
    with torch.no_grad():
        next(dynamics.fitted.model.decoder.parameters()).fill_(torch.nan)
    with pytest.raises(FitError, match="not finite"):
        dynamics.frames([0.5])


def test_a_device_that_is_not_there_is_said(drifting: Observations) -> None:
    absent = "cuda" if not torch.cuda.is_available() else "mps"
    with pytest.raises(UserError, match="cannot be used"):
        finished(fit(drifting, small_settings(training__device=absent)))


def test_missing_pixels_neither_hurt_nor_appear() -> None:
    at = moved((4.0, 0.0))
    first, last = at(0), at(1)
    first[20:30, 20:30] = np.nan
    last[24:34, 20:30] = np.nan
    pair = Observations.from_arrays(first, last)
    seen, dynamics = finished(fit(pair, small_settings(training__steps=10)))
    assert all(np.isfinite(p.losses["total"]) for p in seen if p.phase == "train")
    middle = dynamics.frames([0.5])[0]
    hole = np.zeros((64, 64), bool)
    hole[22:32, 20:30] = True
    assert np.isnan(middle[hole]).mean() > 0.8
    assert np.isnan(middle[~hole]).mean() < 0.02


def test_colour_goes_in_and_out() -> None:
    ats = [moved((3.0, 2.0), seed=s) for s in range(3)]
    first, last = (np.stack([at(t) for at in ats], axis=-1) for t in (0, 1))
    pair = Observations.from_arrays(first, last, channel_axis=-1)
    _, dynamics = finished(fit(pair, small_settings()))
    frames = dynamics.frames()
    assert frames.shape == (4, 3, 64, 64)
    np.testing.assert_allclose(frames[0], np.moveaxis(first, -1, 0), rtol=0.02)


def test_memory_returns_after_a_fit(drifting: Observations) -> None:
    _, dynamics = finished(fit(drifting, small_settings()))
    model = weakref.ref(dynamics.fitted.model)
    del dynamics
    gc.collect()
    assert model() is None


def test_progress_is_frozen(drifting: Observations) -> None:
    progress = next(fit(drifting, small_settings()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        progress.step = 3  # type: ignore[misc]
