"""What training did, told by blocks of the images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.core.helpers import finished, moved, small_settings

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import scan
from napari_latentdyn.core.training.agreement import Agreement, Plateau, hidden_blocks
from napari_latentdyn.core.training.fit import Progress, fit
from napari_latentdyn.core.training.initial import start_fields
from napari_latentdyn.core.training.sampler import PatchSampler

CPU = torch.device("cpu")


def before(pair: Observations, velocity: tuple[float, float], **changes: Any) -> float | None:
    """The agreement with one velocity everywhere."""
    chosen = small_settings(**changes)
    model = LatentDynamics(pair.channels, chosen)
    field = np.broadcast_to(np.float32(velocity)[:, None, None], (1, 2, *pair.shape)).copy()
    start = start_fields(Ensemble.equal(field), chosen)
    patches = [(0, w) for w in scan(pair.shape, chosen.patches.size, chosen.patches.stride)]
    return Agreement(model, pair, patches, start[None], chosen, CPU).measured(model, 0)[0]


def test_the_true_motion_explains_almost_all_and_none_nothing(drifting: Observations) -> None:
    right, still, wrong = (before(drifting, v) for v in ((5.0, -3.0), (0.0, 0.0), (-5.0, 3.0)))
    assert right is not None
    assert still is not None
    assert wrong is not None
    assert 0.85 < right <= 1.0
    assert still == pytest.approx(0.0, abs=1e-3)
    assert wrong < 0.1
    half = before(drifting, (2.5, -1.5))
    assert half is not None
    assert still < half < right


def test_channels_missing_pixels_and_patches_are_known() -> None:
    ats = [moved((3.0, 2.0), seed=s) for s in range(2)]
    first, last = (np.stack([at(t) for at in ats]) for t in (0, 1))
    first[:, 8:24, 8:24] = np.nan
    pair = Observations.from_arrays(first, last, channel_axis=0)
    for normalisation in ("pair", "patch"):
        found = before(pair, (3.0, 2.0), images__normalisation=normalisation)
        assert found is not None
        assert found > 0.8


def test_nothing_is_said_where_the_hidden_blocks_do_not_change() -> None:
    shape = (64, 64)
    first = np.random.default_rng(0).normal(size=shape)
    last = np.where(hidden_blocks(shape), first, first[::-1])
    pair = Observations.from_arrays(first, last)
    assert before(pair, (0.0, 0.0)) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(16, 300), st.integers(16, 300))
def test_some_blocks_are_hidden_and_most_are_not(height: int, width: int) -> None:
    hidden = hidden_blocks((height, width))
    assert hidden.shape == (height, width)
    assert hidden.any()
    assert hidden.mean() < 0.5
    assert np.array_equal(hidden, hidden_blocks((height, width)))


def test_hidden_pixels_of_the_first_image_count_as_missing(drifting: Observations) -> None:
    chosen = small_settings()
    windows = scan(drifting.shape, chosen.patches.size, chosen.patches.stride)
    patches = [(0, window) for window in windows]
    start = np.zeros((1, 3, 2, *drifting.shape), np.float32)
    hidden = hidden_blocks(drifting.shape)
    shown = PatchSampler(drifting, patches, start, chosen, CPU, hidden).batch(np.array([0, 4]))
    for i, number in enumerate((0, 4)):
        valid: NDArray[np.bool_] = shown.valid_first[i, 0].numpy()
        assert np.array_equal(valid, ~hidden[windows[number].slices])
    assert bool(shown.valid_last.all())


def test_progress_and_report_tell_the_agreement_before_and_after(drifting: Observations) -> None:
    settings = small_settings(training__steps=12, model__initial_fields="zero")
    seen, dynamics = finished(fit(drifting, settings))
    training: list[Progress] = [p for p in seen if p.phase == "train"]
    assert {p.agreement_before for p in training} == {training[0].agreement_before}
    assert training[0].agreement_before == pytest.approx(0.0, abs=1e-3)
    # Measured again after ten steps, and at the end.
    values = [p.agreement for p in training]
    assert len(set(values[:9])) == len(set(values[9:11])) == 1
    assert len(set(values)) == 3
    assert all(p.agreement is None for p in seen if p.phase != "train")
    told = dynamics.report.agreement
    assert (told.before, told.after) == (training[0].agreement_before, values[-1])
    assert told.hidden


def test_a_training_that_finds_the_motion_raises_the_agreement(drifting: Observations) -> None:
    settings = small_settings(
        training__steps=60,
        training__learning_rate=3e-3,
        model__initial_fields="zero",
        model__extractor_width=8,
        training__batch_size=4,
    )
    told = finished(fit(drifting, settings))[1].report.agreement
    assert told.before == pytest.approx(0.0, abs=1e-3)
    assert told.after > 0.3


def test_without_training_there_is_nothing_to_tell(drifting: Observations) -> None:
    report = finished(fit(drifting, small_settings(training__steps=0)))[1].report
    assert report.agreement.before is report.agreement.after is None


def test_a_training_that_goes_on_keeps_what_was_before(drifting: Observations) -> None:
    settings = small_settings(training__steps=3, model__initial_fields="zero")
    half = finished(fit(drifting, settings))[1]
    longer = settings.updated({"training.steps": 6})
    whole = finished(fit(drifting, longer, resume=half.fitted.checkpoint))[1]
    assert whole.report.agreement.before == half.report.agreement.before


def test_training_ends_when_the_hidden_blocks_no_longer_agree_better(
    drifting: Observations,
) -> None:
    """The flow carries a drift as well as can be: what training adds is nothing."""
    chosen = small_settings(training__steps=40)
    seen, dynamics = finished(fit(drifting, chosen))
    steps = [p.step for p in seen if p.phase == "train"]
    assert steps[-1] == dynamics.report.steps < 40
    assert steps[-1] % 10 == 0
    assert dynamics.report.converged is True
    # Nobody stopped it: the result is whole.
    assert dynamics.report.stopped_early is False
    assert np.isfinite(dynamics.frames()).all()

    went_on = finished(fit(drifting, chosen, resume=dynamics.fitted.checkpoint))[1]
    assert went_on.report.steps > dynamics.report.steps

    every = finished(fit(drifting, chosen.updated({"training.stop_early": False})))[1]
    assert every.report.steps == 40
    assert every.report.converged is False


@pytest.mark.parametrize(
    ("changes", "patience"),
    [
        ({}, 20),
        ({"training.steps": 400}, 100),
        ({"model.initial_fields": "zero"}, 200),
        ({"training.stop_early": False}, None),
        ({"model.image_in_latent": False}, None),
    ],
)
def test_patience_grows_with_the_plan_and_without_a_start(
    changes: dict[str, Any], patience: int | None
) -> None:
    chosen = small_settings(training__steps=40).updated(changes)
    plateau = Plateau(chosen, 0.5, 0)
    reached = [s for s in range(10, 1000, 10) if plateau.reached(0.5004, s)]
    assert reached[:1] == ([] if patience is None else [patience])
    # What improves again and again is not given up, and what cannot be measured neither.
    plateau = Plateau(chosen, 0.5, 0)
    assert not any(plateau.reached(0.5 + 0.0002 * s, s) for s in range(10, 1000, 10))
    assert not any(plateau.reached(None, s) for s in range(10, 1000, 10))


def test_hidden_blocks_are_hidden_from_the_loss_only_to_stop_early(
    drifting: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: list[Any] = []
    real = PatchSampler.__init__

    def watched(self: PatchSampler, *args: Any) -> None:
        hidden.append(args[5] if len(args) > 5 else None)
        real(self, *args)

    monkeypatch.setattr(PatchSampler, "__init__", watched)
    for preset, expected in (("standard", True), ("paper", False)):
        hidden.clear()
        finished(fit(drifting, small_settings(preset, training__steps=1)))
        assert any(each is not None for each in hidden) is expected
