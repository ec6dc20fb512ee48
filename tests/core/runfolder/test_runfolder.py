"""The run folder: what is written is read, or one sentence says why not."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.conftest import blank
from tests.core.runfolder.helpers import one_sentence
from tests.folders import read_arrays, read_observations

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.sources import describe_input
from napari_latentdyn.core.runfolder.folder import read_model, write_run
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.settings import Settings

Save = Callable[..., Path]
BINARY = ("frames.ome.tif", "fields.npz", "model.safetensors", "inputs.npz")
FLOATS = st.floats(width=32, allow_subnormal=False)
FINITE = st.floats(width=32, allow_subnormal=False, allow_nan=False, allow_infinity=False)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_arbitrary_arrays_come_back(data: st.DataObject, tmp_path_factory: Any) -> None:
    stages = data.draw(st.integers(1, 4), "stages")
    times = data.draw(st.integers(1, 5), "times")
    channels = data.draw(st.sampled_from([(), (1,), (3,)]), "channels")
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)), "shape")
    frames = data.draw(arrays(np.float32, (times, *channels, *shape), elements=FLOATS))
    velocity = data.draw(arrays(np.float32, (stages, 2, *shape), elements=FINITE))
    tensor = data.draw(arrays(np.float32, (2, 3), elements=FLOATS))
    at = np.sort(data.draw(arrays(np.float64, times, elements=st.floats(0, 1))))
    folder = tmp_path_factory.mktemp("run") / "result"
    observations = blank(frames)
    write_run(
        folder,
        frames=frames,
        times=at,
        velocity=velocity,
        field_times=np.arange(stages) / stages,
        settings=Settings.preset("paper"),
        report=RunReport(seed=3),
        tensors={"a": tensor, "step": np.array(7)},
        tensor_metadata={"channels": "1"},
        inputs=observations.to_arrays(),
    )
    back = Dynamics.load(folder)
    np.testing.assert_array_equal(back.frames(), frames)
    np.testing.assert_array_equal(back.times(), at)
    np.testing.assert_array_equal(back.fields, velocity)
    np.testing.assert_array_equal(back.field_times, np.arange(stages) / stages)
    assert back.frames().dtype == back.fields.dtype == np.float32
    assert back.settings == Settings.preset("paper")
    assert back.stored("latents") is None
    tensors = read_model(folder)
    np.testing.assert_array_equal(tensors["a"], tensor)
    assert tensors["step"] == 7
    assert tensors["step"].shape == ()
    assert tensors.metadata == {"format": "2", "channels": "1"}
    assert read_observations(folder).same_as(observations)


def test_report_is_strict_json_and_says_what_is_there(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "a" / "b" / "run")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    report = json.loads((folder / "report.json").read_text(), parse_constant=refuse)
    assert report["format_version"] == 2
    assert report["complete"] is True
    assert report["losses"] == {"total": 0.5, "space": None}
    assert report["times"] == [0, 1 / 3, 2 / 3, 1]
    assert set(BINARY) < set(report["files"])
    assert sorted(p.name for p in folder.iterdir()) == sorted([*report["files"], "report.json"])
    assert [p.name for p in folder.parent.iterdir()] == ["run"]


def test_frames_are_ome_tiff_with_sizes_and_times(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    with tifffile.TiffFile(folder / "frames.ome.tif") as file:
        assert file.is_ome
        assert file.series[0].axes == "TYX"
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeYUnit"]) == (10, "m")
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (20, "m")
    assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (2, "h")
    assert [plane["DeltaT"] for plane in pixels["Plane"]] == [0, 2, 4, 6]


def test_latents_are_kept(tmp_path: Path, save: Save) -> None:
    latents = np.random.default_rng(0).normal(size=(4, 2, 12, 16)).astype(np.float32)
    back = Dynamics.load(save(tmp_path / "run", latents=latents))
    np.testing.assert_array_equal(back.stored("latents"), latents)


def test_confidence_is_kept(tmp_path: Path, save: Save, run: Dynamics) -> None:
    confidence = np.random.default_rng(0).uniform(size=(4, 12, 16)).astype(np.float32)
    folder = save(tmp_path / "run", confidence=confidence)
    back = Dynamics.load(folder)
    assert back.stored("confidence") is not None
    assert back.stored("confidence").dtype == np.float32
    np.testing.assert_array_equal(back.stored("confidence"), confidence)
    assert back.stored("latents") is None
    with np.load(folder / "confidence.npz") as file:
        np.testing.assert_array_equal(file["times"], run.times())


def test_a_folder_from_before_there_was_confidence(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    settings_file = folder / "settings.json"
    older = json.loads(settings_file.read_text())
    del older["output"]["confidence"]
    settings_file.write_text(json.dumps(older))
    back = Dynamics.load(folder)
    assert back.stored("confidence") is None
    assert back.settings == Settings()


@pytest.mark.parametrize("name", ["latents", "confidence"])
def test_optional_file_that_is_missing_or_damaged(tmp_path: Path, save: Save, name: str) -> None:
    file = save(tmp_path / "run", **{name: np.zeros((4, 12, 16), np.float32)}) / f"{name}.npz"
    content = file.read_bytes()
    file.write_bytes(b"\xff" * len(content))
    with pytest.raises(RunFolderError) as error:
        read_arrays(tmp_path / "run")
    assert file.name in one_sentence(error)
    file.unlink()
    with pytest.raises(RunFolderError, match="missing") as error:
        read_arrays(tmp_path / "run")
    assert file.name in one_sentence(error)


def test_inputs_are_told_apart_by_content() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    told = describe_input("a.tif", image)
    assert told == {**describe_input("a.tif", image.copy()), "shape": [3, 4], "dtype": "uint8"}
    others = (image + 1, image.reshape(4, 3), image.astype(np.int8), image.T)
    assert len({told["sha256"], *(describe_input("a", i)["sha256"] for i in others)}) == 5


def test_other_places_are_not_taken_for_runs(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no folder"):
        Dynamics.load(tmp_path / "nowhere")
    with pytest.raises(RunFolderError, match="not a run folder"):
        Dynamics.load(tmp_path)
    (tmp_path / "report.json").write_text('{"title": "something else"}')
    with pytest.raises(RunFolderError, match="not the report of a run"):
        Dynamics.load(tmp_path)


def test_edited_text_is_still_a_run(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    settings_file = folder / "settings.json"
    settings_file.write_text(settings_file.read_text().replace('"seed": 0', '"seed": 12'))
    assert Dynamics.load(folder).settings.training.seed == 12
    settings_file.write_text(settings_file.read_text().replace('"seed": 12', '"sed": 12'))
    with pytest.raises(RunFolderError, match=r"did you mean 'seed'"):
        Dynamics.load(folder)


def test_reading_needs_no_torch(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    script = """
        import sys
        from tests.folders import read_arrays, read_networks, read_observations
        for read in (read_arrays, read_networks, read_observations):
            read(sys.argv[1])
        assert not {"torch", "napari", "qtpy"} & set(sys.modules)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])
