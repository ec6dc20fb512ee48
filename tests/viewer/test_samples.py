"""Samples open as said, and their truth is true."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import npe2
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Layer, Vectors
from scipy import ndimage

from napari_latentdyn.core.dynamics.arrows import full_vectors
from napari_latentdyn.core.dynamics.trajectories import trajectories
from napari_latentdyn.viewer import samples
from napari_latentdyn.viewer.samples import (
    Scene,
    generate_coast_buoys,
    generate_new_cracks,
    generate_rotation_cracks,
    generate_translation_land,
    sea_ice_pair,
)

GENERATORS = [generate_translation_land, generate_rotation_cracks, generate_new_cracks]
Generator = Callable[..., Scene]


def open_sample(key: str) -> list[Layer]:
    layers = ViewerModel().open_sample("napari-latentdyn", key)
    assert layers
    return layers


def common_drift(first: np.ndarray, last: np.ndarray) -> tuple[float, float]:
    """Peak of the phase correlation, in pixels."""
    window = np.outer(*(np.hanning(side) for side in first.shape))
    spectra = [np.fft.fft2((image - image.mean()) * window) for image in (first, last)]
    cross = spectra[1] * spectra[0].conj()
    peak = np.fft.ifft2(cross / np.maximum(np.abs(cross), 1e-12)).real
    return tuple(
        float(at if at < side / 2 else at - side)
        for at, side in zip(np.unravel_index(peak.argmax(), peak.shape), peak.shape, strict=True)
    )


def test_sea_ice_is_small_and_tells_its_origin() -> None:
    file = samples.SEA_ICE_FILE
    assert file.stat().st_size <= 2_000_000
    with tifffile.TiffFile(file) as tiff:
        told = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]
    assert "modified Copernicus Sentinel data 2020" in told["Description"]
    assert (told["Pixels"]["PhysicalSizeX"], told["Pixels"]["PhysicalSizeXUnit"]) == (100, "m")
    assert (told["Pixels"]["TimeIncrement"], told["Pixels"]["TimeIncrementUnit"]) == (23, "h")
    readme = (file.parent / "README.md").read_text()
    assert "modified Copernicus Sentinel data 2020" in readme
    assert "MIT License" in (file.parent / "LICENSE-seaice.txt").read_text()


def test_sea_ice_drifts_clearly() -> None:
    first, last = sea_ice_pair()
    assert first.shape == last.shape == (384, 384)
    assert first.dtype == last.dtype == np.float32
    assert np.isfinite(first).all()
    assert np.isfinite(last).all()
    assert -30 < first.min() < last.max() < 0
    down, right = common_drift(first, last)
    assert down == pytest.approx(36.5, abs=2)
    assert right == pytest.approx(-28, abs=2)


@pytest.mark.usefixtures("plugin")
def test_sea_ice_opens_with_scale_units_and_interval() -> None:
    first, last = open_sample("sea_ice")
    for layer, data in zip((first, last), sea_ice_pair(), strict=True):
        assert isinstance(layer, Image)
        np.testing.assert_array_equal(layer.data, data)
        np.testing.assert_array_equal(layer.scale, [100, 100])
        assert [str(unit) for unit in layer.units] == ["meter", "meter"]
        assert layer.metadata["latentdyn_interval"] == {"value": 23.0, "unit": "hour"}
        assert "Copernicus" in layer.metadata["attribution"]
    assert list(first.contrast_limits) == list(last.contrast_limits)


@pytest.mark.usefixtures("plugin")
def test_rain_is_a_small_series_with_times_and_its_origin() -> None:
    file = samples.RAIN_FILE
    assert file.stat().st_size <= 400_000
    (layer,) = open_sample("rain")
    assert isinstance(layer, Image)
    assert layer.data.shape == (7, 256, 256)
    assert -32 == layer.data.min() < layer.data.max() < 60
    np.testing.assert_array_equal(layer.scale, [5, 1, 1])
    assert [str(unit) for unit in layer.units] == ["minute", "kilometer", "kilometer"]
    assert "CC BY 4.0" in layer.metadata["attribution"]
    assert "CC BY 4.0" in (file.parent / "README.md").read_text().replace("\n", " ")
    down, right = common_drift(layer.data[0], layer.data[3])
    assert down < -5
    assert right > 2


@pytest.mark.usefixtures("plugin")
def test_ice_with_buoys_opens_with_its_coast_and_their_tracks() -> None:
    frames, first, last, coast, buoys = open_sample("coast_buoys")
    scene = generate_coast_buoys(stages=12)
    np.testing.assert_array_equal(first.data, scene.first)
    np.testing.assert_array_equal(last.data, scene.frames[-1])
    np.testing.assert_array_equal(coast.data, scene.land)
    # Nothing moves on land except at its jagged edge.
    inland = ndimage.binary_erosion(scene.land, iterations=8)
    assert np.ptp(scene.frames[:, inland], axis=0).max() == 0
    np.testing.assert_array_equal(buoys.scale, frames.scale)
    assert buoys.extent.world[1][0] == pytest.approx(12.0)
    assert last.metadata["latentdyn_interval"] == {"value": 12.0, "unit": "hour"}
    rows = buoys.data[buoys.data[:, 0] == 1]
    assert np.abs(rows[:, 2:] - scene.buoys[1]).max() < 1.5


def test_buoys_move_with_the_true_field_and_turn_half_way() -> None:
    scene = generate_coast_buoys(stages=8)
    paths = trajectories(scene.velocity, scene.buoys[:, 0], scene.times)
    np.testing.assert_allclose(paths, scene.buoys, atol=1.5)
    morning, evening = scene.buoys[:, 4] - scene.buoys[:, 0], scene.buoys[:, 8] - scene.buoys[:, 4]
    assert (morning[:, 0] > 10).all()
    assert (evening[:, 1] > 8).all()


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("key", "make"),
    list(zip(("translation_land", "rotation_cracks", "new_cracks"), GENERATORS, strict=True)),
)
def test_scenes_open_with_their_truth_hidden(key: str, make: Generator) -> None:
    frames, motion, first, last = open_sample(key)
    scene = make()
    assert [layer.visible for layer in (frames, motion, first, last)] == [False, False, True, True]
    assert isinstance(motion, Vectors)
    np.testing.assert_array_equal(frames.data, scene.frames)
    np.testing.assert_array_equal(first.data, scene.frames[0])
    np.testing.assert_array_equal(last.data, scene.frames[-1])
    t, y, x = motion.data[:, 0].astype(int).T
    # Drawn within the image; the whole motion follows from the features.
    whole = full_vectors(motion.data, motion.features)
    np.testing.assert_allclose(whole[:, 1, 1:], scene.velocity[t, :, y, x], atol=1e-4)
    np.testing.assert_array_equal(motion.metadata["velocity"], scene.velocity)


@pytest.mark.parametrize("make", GENERATORS)
class TestScenes:
    def test_shapes(self, make: Generator) -> None:
        scene = make()
        assert scene.frames.shape == (9, 256, 256)
        assert scene.velocity.shape == (8, 2, 256, 256)
        assert scene.known.shape == (8, 256, 256)
        assert scene.frames.dtype == scene.velocity.dtype == np.float32
        np.testing.assert_allclose(scene.times, np.arange(9) / 8)
        assert scene.frames.min() >= 0
        assert scene.frames.max() <= 1
        assert scene.first is not None
        np.testing.assert_array_equal(scene.first, scene.frames[0])
        np.testing.assert_array_equal(scene.last, scene.frames[8])
        small = make(size=96, stages=3)
        assert small.frames.shape == (4, 96, 96)
        assert small.velocity.shape == (3, 2, 96, 96)

    def test_seeded(self, make: Generator) -> None:
        scene, same, other = make(seed=4), make(seed=4), make(seed=5)
        np.testing.assert_array_equal(scene.frames, same.frames)
        np.testing.assert_array_equal(scene.velocity, same.velocity)
        assert np.abs(scene.frames - other.frames).mean() > 0.05

    def test_quick(self, make: Generator) -> None:
        make()
        spent = []
        for seed in range(3):
            before = time.process_time()
            make(seed=seed)
            spent.append(time.process_time() - before)
        assert min(spent) < 0.5

    @pytest.mark.parametrize("seed", [0, 1])
    def test_frames_follow_the_field(self, make: Generator, seed: int) -> None:
        # Half a stage back and forth from its middle meets the same material.
        scene = make(seed=seed)
        y, x = np.mgrid[:256, :256].astype(float)
        for stage in range(8):
            dy, dx = scene.velocity[stage].astype(float)
            before, after = (
                ndimage.map_coordinates(
                    scene.frames[stage + later].astype(float),
                    [y + side * dy, x + side * dx],
                    order=3,
                    mode="nearest",
                )
                for later, side in ((0, -0.5), (1, 0.5))
            )
            # Away from the lips of cracks, and from the border of the image.
            slip = sum(np.abs(np.gradient(part, axis=axis)) for part in (dy, dx) for axis in (0, 1))
            inside = ~ndimage.binary_dilation((slip > 0.2) | ~scene.known[stage], iterations=4)
            inside[:4], inside[-4:], inside[:, :4], inside[:, -4:] = False, False, False, False
            assert inside.mean() > 0.5
            wrong = (before - after)[inside]
            still = (scene.frames[stage] - scene.frames[stage + 1])[inside]
            # Above 30 dB, where leaving everything in place stays far below.
            assert np.mean(wrong**2) < 1e-3
            assert np.mean(wrong**2) < np.mean(still**2) / 8

    def test_ends_differ_by_motion_worth_learning(self, make: Generator) -> None:
        scene = make()
        total = np.linalg.norm(scene.velocity.sum(axis=0), axis=0)
        assert 4 < np.percentile(total, 90) < 60


def test_land_rests_and_ice_flows_in_and_out() -> None:
    scene = generate_translation_land()
    land = (scene.velocity == 0).all(axis=(0, 1))
    assert 0.2 < land.mean() < 0.4
    assert land[:, 0].all()
    assert not land[:, -1].any()
    coast = ndimage.binary_erosion(land, iterations=8)
    np.testing.assert_allclose(scene.frames[-1][coast], scene.frames[0][coast], atol=1e-6)
    down, right = scene.velocity.sum(axis=0)[:, ~land].mean(axis=1)
    assert down == pytest.approx(12, abs=0.1)
    assert right == pytest.approx(7, abs=1)
    assert (scene.velocity[:, 0, 0, -50:] > 0).all()
    assert (scene.velocity[:, 1, :, -1].mean(axis=1) > 0).all()


def test_one_crack_opens_while_the_other_closes() -> None:
    scene = generate_rotation_cracks()
    share = [1 - known.mean() for known in scene.known]
    assert max(share) < 1.3 * min(share)
    turn = np.deg2rad(10)
    corner = scene.velocity.sum(axis=0)[:, 0, 0]
    assert np.linalg.norm(corner) == pytest.approx(turn * np.hypot(127.5, 127.5), rel=0.02)
    left = [known[:, :128].mean() for known in scene.known]
    right = [known[:, 128:].mean() for known in scene.known]
    assert left == sorted(left, reverse=True)
    assert right == sorted(right)


def test_new_cracks_are_not_there_at_first() -> None:
    scene = generate_new_cracks()
    shares = [1 - known.mean() for known in scene.known]
    assert shares == sorted(shares)
    assert shares[0] < 0.01
    assert shares[-1] > 0.05
    opened = ndimage.binary_erosion(~scene.known[-1])
    assert scene.last[opened].mean() < 0.1
    assert scene.first[opened].mean() > 0.35
    speeds = {tuple(np.round(v, 4)) for v in scene.velocity[-1].reshape(2, -1).T}
    assert len(speeds) == 3


@pytest.mark.usefixtures("plugin")
def test_every_command_of_the_manifest_can_be_imported(plugin: npe2.PluginManager) -> None:
    commands = plugin.get_manifest("napari-latentdyn").contributions.commands
    assert len(commands) == 18
    for command in commands:
        module, name = command.python_name.split(":")
        assert callable(getattr(import_module(module), name))


def test_manifest_at_the_root_is_that_of_the_package(root: Path) -> None:
    assert (root / "napari.yaml").resolve() == Path(samples.__file__).parents[1] / "napari.yaml"
