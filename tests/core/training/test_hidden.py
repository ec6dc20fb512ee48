"""Learning from hidden images of a series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from tests.core.helpers import finished, texture

from napari_latentdyn.core.dynamics.fitted import read_correction
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.rendering.correction import Correction
from napari_latentdyn.core.runfolder.evidence import hidden_sentence
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import RunFolderError, SettingsError
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings

SHAPE = (80, 72)
LEARNING = Settings.preset("quick").updated(
    {"training.from_series": True, "training.threads": 1, "output.frames": 1}
)


def drifting(count: int, noise: float, step: float = 1.5) -> NDArray[np.float32]:
    """Images of a scene that drifts, each with its own noise in parts of the contrast."""
    random = np.random.default_rng(0)
    whole = texture((SHAPE[0] + 40, SHAPE[1]), 5, sigma=2.5)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    frames = [
        ndimage.map_coordinates(whole, [rows + 30 - step * k, columns], order=3)
        for k in range(count)
    ]
    spread = np.ptp(whole)
    return np.stack([f + noise * spread * random.normal(size=f.shape) for f in frames]).astype(
        np.float32
    )


def learned(images: NDArray[np.float32], settings: Settings = LEARNING) -> Dynamics:
    return finished(fit(Observations.from_arrays(*images), settings))[1]


@pytest.fixture(scope="module")
def noisy() -> Dynamics:
    return learned(drifting(9, 0.15)[::2])


def test_noise_is_evened_out_also_between_images_that_were_given(noisy: Dynamics) -> None:
    """The odd images took no part: their prediction gains what the hidden ones promise."""
    hidden = noisy.report.hidden
    assert hidden is not None
    assert hidden.images == 3
    assert hidden.kept
    assert hidden.after < 0.97 * hidden.before
    clean, times = drifting(9, 0.0)[1::2], np.arange(4) + 0.5
    plain = learned(drifting(9, 0.15)[::2], LEARNING.updated({"training.from_series": False}))
    errors = [np.mean((each.frames(times) - clean) ** 2) for each in (noisy, plain)]
    assert errors[0] < 0.9 * errors[1]


def test_images_themselves_stay_as_they_are(noisy: Dynamics) -> None:
    given = drifting(9, 0.15)[::2]
    found = noisy.frames(np.arange(5.0))
    np.testing.assert_allclose(found, given, atol=1e-3 * np.ptp(given))


def test_a_clean_drift_is_hardly_changed() -> None:
    images = drifting(5, 0.0)
    with_it, without = (
        learned(images[::2]),
        learned(images[::2], LEARNING.updated({"training.from_series": False})),
    )
    errors = [
        np.mean((each.frames(np.arange(2) + 0.5) - images[1::2])[:, 8:-8, 8:-8] ** 2)
        for each in (with_it, without)
    ]
    assert errors[0] < 1.02 * errors[1] + 1e-6 * np.ptp(images) ** 2


def test_three_images_hide_one_and_judge_it_part_by_part() -> None:
    hidden = learned(drifting(3, 0.15)).report.hidden
    assert hidden is not None
    assert hidden.images == 1
    assert hidden.kept
    assert "An image of the series was hidden" in hidden_sentence_of(hidden.before, hidden.after)


def hidden_sentence_of(before: float, after: float) -> str:
    from napari_latentdyn.core.runfolder.schema import HiddenReport, RunReport

    kept = after < before
    report = HiddenReport(images=1, before=before, after=after, kept=kept)
    return hidden_sentence(RunReport(hidden=report))


def test_a_correction_that_does_not_help_is_said_and_not_kept() -> None:
    assert "none is used" in hidden_sentence_of(0.02, 0.03)
    assert "3.00 %" not in hidden_sentence_of(0.02, 0.03)
    assert "2.00 %" in hidden_sentence_of(0.02, 0.01)
    assert "1.00 %" in hidden_sentence_of(0.02, 0.01)


def test_two_images_have_nothing_to_learn_from() -> None:
    pair = learned(drifting(2, 0.1))
    assert pair.report.hidden is None
    assert pair.fitted.correction is None
    assert hidden_sentence(pair.report) == ""


def test_a_run_folder_keeps_it_and_another_series_starts_from_it(
    noisy: Dynamics, tmp_path: Path
) -> None:
    folder = noisy.save(tmp_path / "run")
    again = Dynamics.load(folder)
    assert again.report.hidden == noisy.report.hidden
    assert again.fitted.correction == noisy.fitted.correction
    np.testing.assert_allclose(again.frames([0.5]), noisy.frames([0.5]), atol=1e-3)
    start = {"training.from_series": False, "training.start_from": str(folder)}
    other = learned(drifting(2, 0.15), LEARNING.updated(start))
    assert other.fitted.correction == noisy.fitted.correction
    assert other.report.hidden is None


def test_a_run_without_anything_learned_cannot_be_started_from(tmp_path: Path) -> None:
    plain = LEARNING.updated({"training.from_series": False})
    folder = learned(drifting(2, 0.1), plain).save(tmp_path / "run")
    with pytest.raises(SettingsError, match="learned nothing to start from"):
        learned(drifting(2, 0.1), plain.updated({"training.start_from": str(folder)}))


def test_a_damaged_correction_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="invalid correction"):
        read_correction(tmp_path, {"correction": np.array([1.0, np.nan, 0.0])})
    assert read_correction(tmp_path, {}) is None
    assert read_correction(tmp_path, {"correction": np.arange(3.0)}) == Correction(0.0, 1.0, 2.0)


def test_a_stop_while_learning_keeps_the_motion() -> None:
    stop = [False]
    observations = Observations.from_arrays(*drifting(4, 0.1))
    fitting = fit(observations, LEARNING, should_stop=lambda: stop[0])

    def told(progress: object) -> None:
        stop[0] = getattr(progress, "phase", "") == "learn"

    result = drain(fitting, told)
    assert result.fitted.correction is None
    assert result.report.hidden is None
    assert np.isfinite(result.frames([0.5])).all()
