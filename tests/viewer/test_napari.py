"""Saving and opening as a user does: through napari's own functions and dialogs."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import npe2
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.errors import MultipleReaderError, ReaderPluginError
from tests.viewer.helpers import pixels_of, result

from napari_latentdyn.core.dynamics.arrows import full_vectors
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.viewer import images
from napari_latentdyn.viewer.layers import METADATA_KEY

NAME = "napari-latentdyn"
Layers = Callable[..., list[Any]]
Save = Callable[..., Path]
MakeRun = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.usefixtures("plugin")


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


class TestOpening:
    def test_run_folder_brings_all_its_layers(
        self, tmp_path: Path, save: Save, viewer: ViewerModel, run: Dynamics
    ) -> None:
        latents = np.random.default_rng(0).normal(size=(4, 2, 12, 16)).astype(np.float32)
        confidence = np.random.default_rng(1).uniform(size=(4, 12, 16)).astype(np.float32)
        folder = save(tmp_path / "drift", latents=latents, confidence=confidence)
        opened = viewer.open(folder, plugin=NAME)
        assert [layer.name for layer in opened] == [
            "drift frames",
            "drift motion",
            "drift latent states",
            "drift confidence",
        ]
        image, vectors, states, trust = opened
        np.testing.assert_array_equal(image.data, run.frames())
        np.testing.assert_array_equal(states.data, np.moveaxis(latents, 1, 0))
        np.testing.assert_array_equal(trust.data, confidence)
        np.testing.assert_array_equal(trust.scale, [2, 10, 20])
        np.testing.assert_array_equal(image.scale, [2, 10, 20])
        np.testing.assert_array_equal(vectors.scale, [2, 10, 20])
        assert [str(unit) for unit in vectors.units] == ["hour", "meter", "meter"]
        assert image.metadata[METADATA_KEY]["settings"]["model"]["stages"] == 8

    def test_dropped_report_needs_no_choice_of_reader(
        self, tmp_path: Path, save: Save, viewer: ViewerModel
    ) -> None:
        folder = save(tmp_path / "drift")
        assert len(viewer.open(folder / "report.json", plugin=None)) == 2

    def test_napari_asks_which_reader_opens_a_folder(
        self, tmp_path: Path, save: Save, viewer: ViewerModel
    ) -> None:
        # Its own reader takes every folder; the dialog remembers the answer.
        with pytest.raises(MultipleReaderError):
            viewer.open(save(tmp_path / "drift"), plugin=None)

    def test_two_openings_are_two_results(
        self, tmp_path: Path, save: Save, viewer: ViewerModel
    ) -> None:
        folder = save(tmp_path / "drift")
        ids = {viewer.open(folder, plugin=NAME)[0].metadata[METADATA_KEY]["run_id"] for _ in "ab"}
        assert len(ids) == 2

    @pytest.mark.parametrize("content", [None, "[1, 2]", '{"a": 1}', "not json"])
    def test_other_folders_are_declined(self, tmp_path: Path, content: str | None) -> None:
        tifffile.imwrite(tmp_path / "frames.ome.tif", np.zeros((4, 5), np.uint8))
        if content is not None:
            (tmp_path / "report.json").write_text(content)
        with pytest.raises(ValueError, match="refused the file"):
            npe2.read([str(tmp_path)], stack=False, plugin_name=NAME)

    def test_stacks_of_folders_are_declined(self, tmp_path: Path, save: Save) -> None:
        paths = [str(save(tmp_path / name)) for name in "ab"]
        with pytest.raises(ValueError, match="refused the file"):
            npe2.read(paths, stack=True, plugin_name=NAME)

    @pytest.mark.parametrize(
        "name", ["frames.ome.tif", "fields.npz", "settings.json", "report.json"]
    )
    def test_truncated_folder_gives_one_sentence(
        self, tmp_path: Path, save: Save, viewer: ViewerModel, name: str
    ) -> None:
        folder = save(tmp_path / "drift")
        (folder / name).write_bytes((folder / name).read_bytes()[:50])
        with pytest.raises(ReaderPluginError) as error:
            viewer.open(folder / "report.json", plugin=None)
        cause = error.value.__cause__
        assert isinstance(cause, RunFolderError)
        assert name in str(cause)
        assert len(viewer.layers) == 0


class TestImages:
    def test_saved_frames_read_back_with_scale_units_axes_and_times(
        self, tmp_path: Path, viewer: ViewerModel, layers: Layers, run: Dynamics
    ) -> None:
        place = Geometry.from_pixel_size((10.0, 20.0), ("meter", "um"), (3.0, 4.0))
        result(viewer, layers(placement=place)[:1])
        (path,) = viewer.layers.save(str(tmp_path / "frames.ome.tif"))
        data, axes, meta = pixels_of(tmp_path / "frames.ome.tif")
        assert path == str(tmp_path / "frames.ome.tif")
        np.testing.assert_array_equal(data, run.frames())
        assert data.dtype == np.float32
        assert axes == "TYX"
        assert meta["Name"] == "dynamics frames"
        pixels = meta["Pixels"]
        assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeYUnit"]) == (10, "m")
        assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (20, "µm")
        assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (2, "h")
        assert [plane["DeltaT"] for plane in pixels["Plane"]] == [0, 2, 4, 6]
        told = json.loads(meta["Description"])
        assert told["napari"]["translate"] == [0, 3, 4]
        assert told[METADATA_KEY]["run_id"] == "run 1"

    def test_uneven_times_are_told_frame_by_frame(
        self, tmp_path: Path, viewer: ViewerModel, layers: Layers, make_run: MakeRun
    ) -> None:
        times = np.array([0, 0.25, 1])
        result(viewer, layers(run=make_run(times=3), times=times)[:1])
        viewer.layers.save(str(tmp_path / "a.ome.tif"))
        _, _, meta = pixels_of(tmp_path / "a.ome.tif")
        assert "TimeIncrement" not in meta["Pixels"]
        planes = meta["Pixels"]["Plane"]
        assert [plane["DeltaT"] for plane in planes] == [0, 1.5, 6]
        assert {plane["DeltaTUnit"] for plane in planes} == {"h"}

    @pytest.mark.parametrize(
        "dtype",
        ["bool", "uint8", "int16", "uint32", "int64", "uint64", "float16", "float32", "float64"],
    )
    def test_any_type_of_image(self, tmp_path: Path, viewer: ViewerModel, dtype: str) -> None:
        data = (np.arange(20).reshape(4, 5) % 7).astype(dtype)
        viewer.add_image(data)
        viewer.layers.save(str(tmp_path / "a.ome.tif"))
        back, axes, _ = pixels_of(tmp_path / "a.ome.tif")
        np.testing.assert_array_equal(back, data)
        assert axes == "YX"

    def test_huge_integers_become_floats(self, tmp_path: Path, viewer: ViewerModel) -> None:
        viewer.add_image(np.array([[0, 2**40], [5, 6]]))
        viewer.layers.save(str(tmp_path / "a.ome.tif"))
        assert pixels_of(tmp_path / "a.ome.tif")[0][0, 1] == 2**40

    def test_colours(self, tmp_path: Path, viewer: ViewerModel) -> None:
        data = np.random.default_rng(0).integers(0, 255, (3, 6, 7, 3), dtype=np.uint8)
        viewer.add_image(data, rgb=True, axis_labels=("t", "y", "x"))
        viewer.layers.save(str(tmp_path / "a.ome.tif"))
        back, axes, _ = pixels_of(tmp_path / "a.ome.tif")
        np.testing.assert_array_equal(back, data)
        assert axes == "TYXS"

    @pytest.mark.parametrize(
        ("labels", "units", "axes"),
        [
            (("-3", "-2", "-1"), None, "ZYX"),
            (("channel", "y", "x"), None, "CYX"),
            (("z", "y", "x"), None, "ZYX"),
            (("-3", "-2", "-1"), ("second", "um", "um"), "TYX"),
            (("-3", "-2", "-1"), ("um", "um", "um"), "ZYX"),
            (("channel", "t", "y", "x"), None, "CTYX"),
            (("-4", "-3", "-2", "-1"), None, "TZYX"),
            (("t", "time", "y", "x"), None, "TZYX"),
            (("-5", "-4", "-3", "-2", "-1"), None, "CTZYX"),
        ],
    )
    def test_axes(
        self,
        tmp_path: Path,
        viewer: ViewerModel,
        labels: tuple[str, ...],
        units: tuple[str, ...] | None,
        axes: str,
    ) -> None:
        shape = (2, 3, 4, 5, 6)[-len(labels) :]
        data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        viewer.add_image(data, axis_labels=labels, units=units)
        viewer.layers.save(str(tmp_path / "a.ome.tif"))
        back, found, _ = pixels_of(tmp_path / "a.ome.tif")
        assert found == axes
        np.testing.assert_array_equal(back, data)

    def test_too_many_axes(self, tmp_path: Path, viewer: ViewerModel) -> None:
        viewer.add_image(np.zeros((2,) * 6))
        with pytest.raises(RunFolderError, match="OME-TIFF can store five"):
            viewer.layers.save(str(tmp_path / "a.ome.tif"))
        assert list(tmp_path.iterdir()) == []

    def test_lazy_and_multiscale_images(self, tmp_path: Path, viewer: ViewerModel) -> None:
        data = np.arange(2 * 8 * 8).reshape(2, 8, 8).astype(np.uint16)
        lazy = da.from_array(data, chunks=(1, 8, 8))
        viewer.add_image([lazy, lazy[:, ::2, ::2]], multiscale=True, contrast_limits=(0, 200))
        viewer.layers.save(str(tmp_path / "a.ome.tif"))
        np.testing.assert_array_equal(pixels_of(tmp_path / "a.ome.tif")[0], data)

    def test_plain_tiff_stays_with_napari(self, tmp_path: Path, viewer: ViewerModel) -> None:
        viewer.add_image(np.zeros((4, 5), np.uint8))
        viewer.layers.save(str(tmp_path / "a.tif"))
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            assert not file.is_ome

    def test_failing_disk_leaves_the_old_file(
        self, tmp_path: Path, viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "a.ome.tif"
        path.write_bytes(b"old")
        viewer.add_image(np.zeros((4, 5), np.uint8))

        def full(target: Path, *_: Any, **__: Any) -> None:
            target.write_bytes(b"half")
            raise OSError(28, os.strerror(28))

        monkeypatch.setattr(images, "write_ome_tiff", full)
        with pytest.raises(RunFolderError, match="the disk is full; free some space"):
            viewer.layers.save(str(path))
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]


class TestVectors:
    def test_table_of_a_result(self, tmp_path: Path, viewer: ViewerModel, layers: Layers) -> None:
        place = Geometry.from_pixel_size((10.0, 20.0), "meter", (5.0, 0.0))
        (vectors,) = result(viewer, layers(placement=place)[1:])
        (path,) = viewer.layers.save(str(tmp_path / "motion.csv"))
        with Path(path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(vectors.data)
        columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
        # The table has the whole motion, though arrows are drawn within the image.
        whole = full_vectors(vectors.data, vectors.features)
        for axis, name in enumerate("tyx"):
            np.testing.assert_array_equal(np.float32(columns[name]), vectors.data[:, 0, axis])
            np.testing.assert_array_equal(np.float32(columns[f"d{name}"]), whole[:, 1, axis])
        np.testing.assert_array_equal(columns["stage"], vectors.features["stage"])
        np.testing.assert_allclose(
            columns["speed"], np.hypot(columns["dy"], columns["dx"]), rtol=1e-5
        )
        np.testing.assert_allclose(columns["world_t"], columns["t"] * 2)
        np.testing.assert_allclose(columns["world_y"], columns["y"] * 10 + 5)
        np.testing.assert_allclose(columns["world_dy"], columns["dy"] * 10, rtol=1e-5)
        np.testing.assert_allclose(columns["world_dx"], columns["dx"] * 20, rtol=1e-5)

    def test_other_vectors(self, tmp_path: Path, viewer: ViewerModel) -> None:
        data = np.random.default_rng(0).normal(size=(5, 2, 2))
        viewer.add_vectors(data, features={"kind": list("abcde"), "axis-0": range(5)}, rotate=90)
        viewer.layers.save(str(tmp_path / "a.csv"))
        with (tmp_path / "a.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["kind"] for row in rows] == list("abcde")
        assert [row["feature_axis-0"] for row in rows] == list("01234")
        assert [float(row["axis-0"]) for row in rows] == data[:, 0, 0].tolist()
        np.testing.assert_allclose([float(row["world_axis-0"]) for row in rows], -data[:, 0, 1])

    def test_no_vectors(self, tmp_path: Path, viewer: ViewerModel) -> None:
        viewer.add_vectors(ndim=3)
        viewer.layers.save(str(tmp_path / "a.csv"))
        assert len((tmp_path / "a.csv").read_text().splitlines()) == 1

    def test_without_extension(self, tmp_path: Path, viewer: ViewerModel, layers: Layers) -> None:
        result(viewer, layers()[1:])
        assert viewer.layers.save(str(tmp_path / "motion")) == [str(tmp_path / "motion.csv")]
