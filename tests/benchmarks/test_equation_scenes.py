"""Scenes that follow an equation: it is chosen, beats advection, and its result can be kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.equations.__main__ import frames_with, learned, psnr
from benchmarks.equations.scenes import SCENES, TIMES, generate

from napari_latentdyn.core.dynamics.channels import frames_of
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.runfolder.evidence import equation_sentence
from napari_latentdyn.core.runfolder.members import MODEL
from napari_latentdyn.equations import EQUATIONS
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.files.tensors import TensorFile, write_tensors
from napari_latentdyn.settings import Settings

SEED = 20
AUTO = Settings.preset("quick").updated(
    {"physics.equation": "auto", "training.threads": 1, "output.frames": 1}
)
#: Equations that auto chooses from two images.
CHOSEN = ["continuity", "diffusion", "growth", "limited_growth", "sparse_source"]
#: Least gains in dB over advection, and over advection with source, whose motion is the same.
GAINS = {name: (2.0, 0.0 if name == "continuity" else 1.0) for name in CHOSEN}


@pytest.fixture(scope="module")
def found() -> dict[str, Dynamics]:
    return {
        name: learned(generate(name, SEED).images[[0, -1]], AUTO) for name in ("source", *CHOSEN)
    }


def test_each_scene_belongs_to_an_equation() -> None:
    assert set(SCENES) == set(EQUATIONS) - {"advection"}


@pytest.mark.parametrize("name", CHOSEN)
def test_auto_chooses_the_equation_of_a_scene(name: str, found: dict[str, Dynamics]) -> None:
    dynamics = found[name]
    assert dynamics.settings.physics.equation == name
    assert dynamics.report.equation is not None
    assert dynamics.report.equation.name == name
    assert equation_sentence(dynamics.report).startswith(f"The equation is {EQUATIONS[name].title}")


def test_auto_keeps_advection_with_source(found: dict[str, Dynamics]) -> None:
    report = found["source"].report.equation
    assert report is not None
    assert report.name == "source"
    assert report.matters
    assert "not clearly smaller" in equation_sentence(found["source"].report) or (
        report.errors["source"] <= report.errors[str(report.other)]
    )


@pytest.mark.parametrize("name", CHOSEN)
def test_the_equation_of_a_scene_beats_others(name: str, found: dict[str, Dynamics]) -> None:
    dynamics, truth = found[name], generate(name, SEED).truth[1:-1]
    own = psnr(dynamics.frames(TIMES[1:-1]), truth)
    for other, margin in zip(("advection", "source"), GAINS[name], strict=True):
        assert own > psnr(frames_with(dynamics, other, TIMES[1:-1]), truth) + margin


@pytest.mark.parametrize(("factor", "noise"), [(0.6, 0.0), (1.5, 0.0), (1.5, 0.01), (2.0, 0.01)])
def test_images_that_grow_everywhere_by_one_factor_grow(factor: float, noise: float) -> None:
    truth = generate("source", SEED).truth[0] * factor ** np.array(TIMES)[:, None, None]
    images = truth[[0, -1]]
    images = images + noise * np.ptp(truth) * np.random.default_rng(0).normal(size=images.shape)
    dynamics = learned(images, AUTO)
    assert dynamics.settings.physics.equation == "growth"
    found = {name: psnr(frames_with(dynamics, name, [0.5])[0], truth[2]) for name in EQUATIONS}
    assert found["growth"] > found["source"] + 1


def test_hidden_images_of_a_series_choose() -> None:
    dynamics = learned(generate("growth", SEED).images, AUTO)
    report = dynamics.report.equation
    assert report is not None
    assert report.by == "images"
    assert report.name == "growth"
    assert "hidden images" in equation_sentence(dynamics.report)


@pytest.mark.parametrize("name", ["diffusion", "sparse_source"])
def test_a_run_folder_keeps_the_coefficients(
    name: str, found: dict[str, Dynamics], tmp_path: Path
) -> None:
    dynamics = found[name]
    dynamics.save(tmp_path / "run")
    read = Dynamics.load(tmp_path / "run")
    np.testing.assert_array_equal(read.frames([0.3]), dynamics.frames([0.3]))
    assert read.report.equation == dynamics.report.equation
    assert read.settings.physics.equation == name


def test_a_folder_without_its_coefficients_is_damaged(
    found: dict[str, Dynamics], tmp_path: Path
) -> None:
    found["diffusion"].save(tmp_path / "run")
    tensors = TensorFile(tmp_path / "run" / MODEL)
    kept = {name: tensors[name] for name in tensors if not name.startswith("equation.")}
    size = (tmp_path / "run" / MODEL).stat().st_size
    write_tensors(tmp_path / "run" / MODEL, kept, tensors.metadata)
    report = tmp_path / "run" / "report.json"
    now = (tmp_path / "run" / MODEL).stat().st_size
    report.write_text(report.read_text().replace(str(size), str(now)))
    with pytest.raises(RunFolderError, match="lacks its diffusivity"):
        Dynamics.load(tmp_path / "run").frames([0.3])


def test_the_diffusivity_is_reported(found: dict[str, Dynamics]) -> None:
    report = found["diffusion"].report.equation
    assert report is not None
    value = report.coefficients["diffusivity"][0][0]
    assert f"The diffusivity is {value:.3g} pixels^2" in equation_sentence(
        found["diffusion"].report
    )
    given = AUTO.updated({"physics.equation": "diffusion", "physics.diffusivity": 2.5})
    own = learned(generate("diffusion", SEED).images[[0, -1]], given)
    assert equation_sentence(own.report) == "The diffusivity is 2.5 pixels^2 per interval."


def test_other_images_follow_with_coefficients_of_their_own(found: dict[str, Dynamics]) -> None:
    """The other channel grows by another factor along the same paths."""
    dynamics, scene = found["growth"], generate("growth", SEED)
    other = 300.0 * scene.truth[[0, -1]]
    frames = frames_of(dynamics, other, [0.5])
    own = psnr(dynamics.frames([0.5])[0], scene.truth[2])
    assert psnr(frames[0], 300.0 * scene.truth[2]) > own - 1
