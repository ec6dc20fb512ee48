"""Run folders in napari: opened, saved, and the dialogs of both."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import npe2
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer, Vectors
from qtpy.QtWidgets import QFileDialog
from tests.viewer.helpers import pixels_of, result

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.viewer.layers import METADATA_KEY

NAME = "napari-latentdyn"
Layers = Callable[..., list[Any]]
Save = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("plugin")


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def same_layer(layer: Layer, other: Layer) -> None:
    assert type(layer) is type(other)
    np.testing.assert_array_equal(layer.data, other.data)
    assert layer.data.dtype == other.data.dtype
    assert layer.axis_labels == other.axis_labels
    assert layer.units == other.units
    corner = np.arange(1, layer.ndim + 1) * 1.5
    np.testing.assert_allclose(layer.data_to_world(corner), other.data_to_world(corner))


class TestFolders:
    def test_layers_come_back_as_they_were(
        self, tmp_path: Path, viewer: ViewerModel, layers: Layers
    ) -> None:
        place = Geometry(((0.0, -20.0, 0.0), (10.0, 0.0, 0.0), (0.0, 0.0, 1.0)), ("meter", "meter"))
        latents = np.random.default_rng(0).normal(size=(4, 2, 12, 16)).astype(np.float32)
        confidence = np.random.default_rng(1).uniform(size=(4, 12, 16)).astype(np.float32)
        image, vectors, states, trust = result(
            viewer, layers(placement=place, latents=latents, confidence=confidence)
        )
        image.colormap, image.contrast_limits = "magma", (-1, 1)
        first = viewer.add_image(
            np.arange(12).reshape(3, 4), name="first/one", affine=np.diag([2, 3, 1])
        )
        colours = viewer.add_image(np.zeros((3, 4, 3), np.uint8), rgb=True, name="first/one")
        (path,) = viewer.layers.save(str(tmp_path / "drift"))
        assert path == str(tmp_path / "drift")
        opened = ViewerModel()
        opened.open(path, plugin=NAME)
        for layer, other in zip(viewer.layers, opened.layers, strict=True):
            same_layer(layer, other)
            assert layer.visible == other.visible
        again = opened.layers[0]
        assert (again.colormap.name, list(again.contrast_limits)) == ("magma", [-1, 1])
        assert again.metadata[METADATA_KEY] == image.metadata[METADATA_KEY]
        arrows = opened.layers[1]
        assert (arrows.length, arrows.edge_width) == (vectors.length, vectors.edge_width)
        np.testing.assert_allclose(arrows.edge_color, vectors.edge_color, atol=1e-6)
        assert list(arrows.features) == ["speed", "direction", "stage", "confidence"]
        again = opened.layers[3]
        assert (again.colormap.name, list(again.contrast_limits)) == ("magma", [0, 1])
        assert opened.layers[5].rgb
        assert {first, colours, states, trust} < set(viewer.layers)

    def test_the_folder_says_that_it_is_no_run(
        self, tmp_path: Path, viewer: ViewerModel, layers: Layers
    ) -> None:
        from tests.folders import read_arrays, read_networks

        result(viewer, layers())
        viewer.layers.save(str(tmp_path / "drift"))
        for read in (read_arrays, read_networks):
            with pytest.raises(
                RunFolderError, match="holds layers saved from a viewer and no model"
            ):
                read(tmp_path / "drift")
        names = sorted(p.name for p in (tmp_path / "drift").iterdir())
        assert names == ["dynamics frames.ome.tif", "dynamics motion.csv", "report.json"]

    def test_empty_vectors(self, tmp_path: Path, viewer: ViewerModel) -> None:
        viewer.add_vectors(ndim=3, name="none")
        viewer.add_image(np.zeros((4, 5)))
        viewer.layers.save(str(tmp_path / "a"))
        opened = ViewerModel()
        opened.open(tmp_path / "a", plugin=NAME)
        assert opened.layers["none"].data.shape == (0, 2, 3)

    def test_occupied_folder_is_refused(
        self, tmp_path: Path, save: Save, viewer: ViewerModel, layers: Layers
    ) -> None:
        result(viewer, layers())
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "b").write_text("x")
        with pytest.raises(RunFolderError, match="holds other files"):
            viewer.layers.save(str(tmp_path / "a"))
        with pytest.raises(RunFolderError, match="already holds a run"):
            viewer.layers.save(str(save(tmp_path / "run")))

    @pytest.mark.parametrize("kind", [".csv", ".ome.tif"])
    def test_truncated(
        self, tmp_path: Path, viewer: ViewerModel, layers: Layers, kind: str
    ) -> None:
        result(viewer, layers())
        viewer.layers.save(str(tmp_path / "a"))
        (cut,) = (tmp_path / "a").glob(f"*{kind}")
        cut.write_bytes(cut.read_bytes()[:200])
        with pytest.raises(RunFolderError, match=cut.name):
            npe2.read([str(tmp_path / "a")], stack=False, plugin_name=NAME)

    def test_lines_missing_from_a_table(
        self, tmp_path: Path, viewer: ViewerModel, layers: Layers
    ) -> None:
        result(viewer, layers())
        viewer.layers.save(str(tmp_path / "a"))
        report = json.loads((tmp_path / "a" / "report.json").read_text())
        report["layers"][1]["start"] = ["t", "y", "gone"]
        (tmp_path / "a" / "report.json").write_text(json.dumps(report))
        with pytest.raises(RunFolderError, match="cannot be read"):
            npe2.read([str(tmp_path / "a")], stack=False, plugin_name=NAME)

    def test_images_alone_are_left_to_napari(self, tmp_path: Path, viewer: ViewerModel) -> None:
        for name in "ab":
            viewer.add_image(np.zeros((4, 5), np.uint8), name=name)
        viewer.layers.save(str(tmp_path / "c"))
        assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["a.tif", "b.tif"]


class TestDialogs:
    """What File > Save really does, but for the window that asks for the name."""

    @pytest.fixture
    def save_as(
        self, make_napari_viewer: Any, monkeypatch: pytest.MonkeyPatch
    ) -> tuple[napari.Viewer, Callable[..., list[str]]]:
        viewer = make_napari_viewer()

        def ask(name: Path, wanted: str, *, selected: bool = True) -> list[str]:
            offered: list[str] = []

            def choose(*_: Any, filter: str = "", **__: Any) -> tuple[str, str]:  # noqa: A002
                offered.extend(filter.split(";;"))
                (chosen,) = [entry for entry in offered if wanted in entry]
                return str(name), chosen

            monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
            viewer.window._qt_viewer._save_layers_dialog(selected=selected)
            return offered

        return viewer, ask

    @pytest.mark.parametrize("name", ["frames", "frames.ome.tif", "frames.tif"])
    def test_image(self, tmp_path: Path, layers: Layers, save_as: Any, name: str) -> None:
        viewer, ask = save_as
        result(viewer, layers()[:1])
        ask(tmp_path / name, "OME-TIFF with scale, units and times (*.ome.tif *.ome.tiff)")
        (path,) = tmp_path.iterdir()
        assert path.name == (name if "." in name else "frames.ome.tif")
        assert pixels_of(path)[2]["Pixels"]["TimeIncrement"] == 2

    @pytest.mark.parametrize("name", ["motion", "motion.csv"])
    def test_vectors(self, tmp_path: Path, layers: Layers, save_as: Any, name: str) -> None:
        viewer, ask = save_as
        result(viewer, layers()[1:])
        ask(tmp_path / name, "table of arrows (*.csv)")
        assert [p.name for p in tmp_path.iterdir()] == ["motion.csv"]

    @pytest.mark.parametrize("selected", [True, False])
    def test_result(self, tmp_path: Path, layers: Layers, save_as: Any, selected: bool) -> None:
        viewer, ask = save_as
        result(viewer, layers())
        offered = ask(tmp_path / "run", "folder of layers", selected=selected)
        assert len(offered) == 1
        assert len(viewer.open(tmp_path / "run" / "report.json", plugin=None)) == 2
        assert isinstance(viewer.layers[-1], Vectors)
