"""Whether there is motion, and what training did: figures and sentences."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from tests.core.helpers import finished, moved, small_settings, turning

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.evidence import (
    MotionEvidence,
    agreement_sentence,
    motion_sentence,
    weakest,
)
from napari_latentdyn.core.runfolder.schema import AgreementReport, RunReport
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.core.training.fit_pair import fit_pair
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer import scenes

Image = NDArray[np.float64]


def noise(seed: int, size: int, sigma: float) -> tuple[Image, Image]:
    """Two images that have nothing to do with each other."""
    random = np.random.default_rng(seed)
    first, last = random.normal(size=(2, size, size))
    if sigma:
        first, last = (ndimage.gaussian_filter(image, sigma) for image in (first, last))
    return first, last


def trained(**agreement: Any) -> RunReport:
    return RunReport(agreement=AgreementReport(**agreement))


def quick(first: Image, last: Image) -> Dynamics:
    return fit_pair(first, last, preset="quick", threads=1)


@pytest.mark.parametrize(("size", "sigma"), [(64, 0.0), (64, 1.5), (96, 0.0), (128, 1.0)])
def test_noise_is_said_to_show_no_motion(size: int, sigma: float) -> None:
    said = motion_sentence(quick(*noise(3, size, sigma)).report)
    assert said.startswith("No motion could be confirmed: hidden blocks")
    assert said.endswith("Do not trust the arrows.")


def test_counts_on_eight_bits_and_other_scenes_show_no_motion_either() -> None:
    random = np.random.default_rng(0)
    counts = random.poisson(20.0, size=(2, 80, 80)).astype(np.uint8)
    assert motion_sentence(quick(*counts).report)
    first, last = (scenes.generate_rotation_cracks(seed=s, size=96).first for s in (1, 2))
    assert motion_sentence(quick(first.astype(float), last.astype(float)).report)


def test_a_doubt_about_a_series_names_the_interval() -> None:
    clear, unclear = MotionEvidence(0.1, 0.3, 900.0), MotionEvidence(0.29, 0.3, 900.0)
    said = [
        motion_sentence(RunReport(motion_evidence=weakest(found)))
        for found in (
            [clear, clear],
            [clear, None, unclear],
            [unclear, clear, unclear, MotionEvidence(math.nan, 0.3, 0.0)],
            [unclear],
        )
    ]
    assert said[0] == ""
    assert said[1].startswith("No motion could be confirmed between images 3 and 4: hidden blocks")
    assert said[1].endswith("(30.0 %). Do not trust the arrows there.")
    assert "between images 1 and 2 and in 2 more of 4 intervals: the images have too" in said[2]
    assert said[3].startswith("No motion could be confirmed: hidden blocks")


@pytest.mark.parametrize("kind", ["translation_land", "rotation_cracks", "new_cracks"])
def test_a_moving_scene_is_believed(kind: str) -> None:
    scene = getattr(scenes, f"generate_{kind}")(seed=4, size=128)
    found = quick(scene.first.astype(float), scene.last.astype(float))
    evidence = found.report.motion_evidence
    assert evidence.found is True
    assert evidence.ratio == evidence.with_motion / evidence.without_motion < 0.8
    assert motion_sentence(found.report) == ""


@pytest.mark.parametrize("noisy", [0.0, 10.0])
def test_small_images_and_noise_upon_them_are_believed(noisy: float) -> None:
    random = np.random.default_rng(2)
    for at in (moved((5.0, -3.0)), moved((0.6, 0.4)), turning(0.15)):
        images = (at(t) + noisy * random.normal(size=(64, 64)) for t in (0.0, 1.0))
        assert quick(*images).report.motion_evidence.found


def test_a_still_scene_with_noise_shows_no_motion() -> None:
    still = moved((0.0, 0.0))(0.0)
    random = np.random.default_rng(2)
    first, last = (still + 5.0 * random.normal(size=still.shape) for _ in range(2))
    report = quick(first, last).report
    assert report.motion_evidence.ratio == pytest.approx(1.0, abs=0.2)
    assert motion_sentence(report)


@pytest.mark.parametrize("changes", [{"model.members": 1}, {"model.weighting": "equal"}])
def test_it_is_looked_at_however_members_are_weighed(changes: dict[str, object]) -> None:
    pair = Observations.from_arrays(*noise(1, 48, 0.0))
    settings = Settings.preset("quick").updated({**changes, "training.threads": 1})
    found = finished(fit(pair, settings))[1]
    assert found.fitted.ensembles[0].still == 0.0
    assert found.report.motion_evidence.found is False


def test_evidence_is_kept_by_folders_and_by_trainings_that_go_on(
    drifting: Observations, tmp_path: Path
) -> None:
    settings = small_settings(model__initial_fields="matched", model__members=1, training__steps=1)
    found = finished(fit(drifting, settings))[1]
    evidence = found.report.motion_evidence
    loaded = Dynamics.load(found.save(tmp_path / "run"))
    assert loaded.report.motion_evidence == evidence
    more = finished(
        fit(drifting, settings.updated({"training.steps": 2}), resume=loaded.fitted.checkpoint)
    )
    again, before = (
        one.model_dump(exclude={"doubtful"}) for one in (more[1].report.motion_evidence, evidence)
    )
    assert again == pytest.approx(before, rel=1e-5)


def test_without_matching_nothing_is_said(drifting: Observations) -> None:
    report = finished(
        fit(drifting, small_settings(training__steps=0, model__initial_fields="zero"))
    )[1].report
    assert report.motion_evidence is None
    assert motion_sentence(report) == motion_sentence(RunReport()) == ""


def test_few_places_have_to_speak_more_clearly() -> None:
    assert not MotionEvidence(0.85, 1.0, 200.0).is_found
    assert MotionEvidence(0.85, 1.0, 5000.0).is_found
    assert not MotionEvidence(0.95, 1.0, 1e9).is_found
    for nothing in (
        MotionEvidence(math.inf, math.inf, 0.0),
        MotionEvidence(0.0, 0.0, 100.0),
        MotionEvidence(math.inf, 0.1, 50.0),
    ):
        assert nothing.ratio is None
        assert "too few places" in motion_sentence(RunReport(motion_evidence=nothing.to_report()))


def test_an_ensemble_keeps_its_evidence() -> None:
    velocities = np.zeros((1, 2, 4, 4), np.float32)
    one = Ensemble.equal(velocities, MotionEvidence(0.5, 0.75, 64.0))
    assert Ensemble.from_arrays(one.to_arrays()).evidence == one.evidence
    assert Ensemble.from_arrays(Ensemble.equal(velocities).to_arrays()).evidence is None


def test_what_training_did_is_one_sentence() -> None:
    told = agreement_sentence(trained(before=0.5524, after=0.6003, hidden=True))
    assert told == (
        "In blocks hidden from training, motion explains 60.0 % of the difference between the "
        "images; before training it was 55.2 %."
    )
    seen = agreement_sentence(trained(before=0.1, after=-0.2, hidden=False))
    assert seen.startswith("In blocks of the image, motion explains 0.0 %")


@pytest.mark.parametrize("report", [RunReport(), RunReport(agreement=AgreementReport())])
def test_without_a_measurement_nothing_is_said(report: RunReport) -> None:
    assert agreement_sentence(report) == ""
