"""A large scene against the whole image, stopped, killed and on a cluster."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from tests.core.scene.conftest import REDUCED, SHAPE, TILE, waves

from napari_latentdyn.core.matching import members, pyramid
from napari_latentdyn.core.observations.images.windows import open_windows
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.scene.cluster import dask_workers
from napari_latentdyn.core.scene.folder import SceneFolder
from napari_latentdyn.core.scene.request import request_of
from napari_latentdyn.core.scene.run import run_scene
from napari_latentdyn.core.scene.scene import Scene
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import RunFolderError, SettingsError, Stopped, UserError
from napari_latentdyn.export.scene import make_scene_frames
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings

Start = Callable[[Path], Callable[[Path], None]]


def frames_in(folder: Path, level: int = 0) -> NDArray[np.float32]:
    return np.asarray(zarr.open_array(str(folder / "frames.ome.zarr" / str(level)), mode="r")[:])


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, files: tuple[str, str], quick: Settings
) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "scene"
    images = (open_windows(files[0]), open_windows(files[1]))
    request = request_of(files, images, quick, TILE, REDUCED)
    SceneFolder(folder).start(request)
    said: list[float] = []
    drain(
        run_scene(folder, lambda path: make_scene_frames(path, request, images, quick)),
        lambda step: said.append(step.done / step.total),
    )
    assert said == sorted(said)
    assert said[-1] == pytest.approx(1.0, abs=1e-6)
    return folder


def copied(finished: Path, tmp_path: Path) -> SceneFolder:
    """A scene of which all is computed, but not its report."""
    return SceneFolder(shutil.copytree(finished, tmp_path / "scene"))


def test_frames_move_as_the_scene_did(finished: Path) -> None:
    """The third of four frames, at two thirds of the interval."""
    found, truth = frames_in(finished), waves(2 / 3)
    blend = waves(0.0) / 3 + 2 * waves(1.0) / 3
    inner = np.s_[8:-8, 8:-8]
    assert found.shape == (4, *SHAPE)
    missed = np.sqrt(np.mean((found[2] - truth)[inner] ** 2))
    assert missed < 0.06 * np.sqrt(np.mean((blend - truth)[inner] ** 2))
    for index, time in ((0, 0.0), (3, 1.0)):
        np.testing.assert_allclose(found[index], waves(time), atol=1e-2)


def test_tiles_give_what_the_whole_image_gives(
    finished: Path, quick: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (members, pyramid):
        monkeypatch.setattr(module, "LARGE", REDUCED)
    monkeypatch.setattr(pyramid, "_HELD_OUT_PIXELS", REDUCED // 8)
    observations = Observations.from_arrays(waves(0.0), waves(1.0), settings=quick.images)
    dynamics = drain(fit(observations, quick))
    whole = dynamics.frames()[1]
    apart = np.abs(frames_in(finished)[1] - whole) / whole.std()
    assert np.sqrt(np.mean(apart**2)) < 0.01
    assert np.percentile(apart, 99) < 0.02
    # No seam at the borders of tiles.
    borders = range(TILE, SHAPE[0], TILE)
    seams = np.concatenate([apart[b - 1 : b + 1].ravel() for b in borders])
    assert seams.mean() < 0.005


def test_reduced_levels_are_means(finished: Path) -> None:
    fine, coarse = frames_in(finished), frames_in(finished, 1)
    assert coarse.shape == (4, 130, 115)
    np.testing.assert_allclose(
        coarse[:, 10, 20], fine[:, 20:22, 40:42].mean(axis=(1, 2)), rtol=1e-5
    )


def test_a_scene_that_was_stopped_goes_on_and_is_the_same(
    finished: Path, start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "scene"
    make = start(folder)
    for stop in (1, 4, 9, 40):
        steps = run_scene(folder, make)
        list(itertools.islice(steps, stop))
        steps.close()
        start(folder)
    drain(run_scene(folder, make))
    for level in (0, 1):
        np.testing.assert_array_equal(frames_in(folder, level), frames_in(finished, level))


def test_a_scene_stops_within_a_tile_and_goes_on(
    finished: Path, start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "scene"
    make = start(folder)
    marks = folder / "work" / "done"

    def should_stop() -> bool:
        """Stop within the first tile that is matched, and within the first that is drawn."""
        return any(marks.glob("reduce-*")) and not any(marks.glob(f"{step}-*"))

    for step in ("match", "render"):
        with pytest.raises(Stopped):
            drain(run_scene(folder, make, should_stop=should_stop))
        assert not any(marks.glob(f"{step}-*"))
    drain(run_scene(folder, make))
    np.testing.assert_array_equal(frames_in(folder), frames_in(finished))


def test_a_tile_that_was_killed_while_it_was_written_is_written_again(
    finished: Path, start: Start, tmp_path: Path
) -> None:
    folder = copied(finished, tmp_path).path
    make = start(folder)
    scene = Scene(folder)
    marks = folder / "work" / "done"
    for name in ("render-0-3", "match-0-3", "matched"):
        (marks / name).unlink()
    scene.folder.array("velocity/0")[:, :, 70:120, -40:] = 99.0
    broken = zarr.open_array(str(folder / "frames.ome.zarr" / "0"), mode="r+")
    broken[:, 130:200, 192:200] = np.nan
    drain(run_scene(folder, make))
    np.testing.assert_array_equal(frames_in(folder), frames_in(finished))


def test_a_finished_scene_keeps_its_velocities_and_nothing_else(
    finished: Path, tmp_path: Path
) -> None:
    scene = copied(finished, tmp_path)
    assert (scene.path / "work").is_dir()
    scene.finish({"weights": [1.0]})
    assert {entry.name for entry in scene.path.iterdir()} == {
        "frames.ome.zarr",
        "scene.json",
        "solution.npz",
        "velocity.zarr",
    }
    assert SceneFolder(scene.path).report() == {"weights": [1.0]}


def test_other_frames_of_a_finished_scene_keep_its_velocities(
    files: tuple[str, str], finished: Path, quick: Settings, tmp_path: Path
) -> None:
    """Only drawing is done again, and its progress ends at one."""
    images = (open_windows(files[0]), open_windows(files[1]))
    scene = copied(finished, tmp_path)
    folder = scene.path
    asked = quick.updated({"output.frames": None, "output.times": [0.5]})
    other = request_of(files, images, asked, TILE, REDUCED)
    unfinished = SceneFolder(tmp_path / "unfinished")
    unfinished.start(other)
    assert not unfinished.redraw(other)
    scene.finish({"weights": [1.0]})
    assert not scene.redraw(replace(other, tile=256))
    assert not scene.redraw(replace(other, stamps=("1 1", "1 1")))
    assert not scene.redraw(scene.request())
    with pytest.raises(RunFolderError, match="this scene with other frames; overwrite it to draw"):
        scene.start(other)
    assert scene.report() == {"weights": [1.0]}
    known = [(path, path.stat().st_mtime_ns) for path in (folder / "velocity.zarr").rglob("*")]
    assert scene.redraw(other)
    assert not scene.report()
    said: list[tuple[str, float]] = []
    drain(
        run_scene(folder, lambda path: make_scene_frames(path, other, images, asked)),
        lambda step: said.append((step.message, step.done / step.total)),
    )
    assert {message.split(":")[0] for message, _ in said} == {"Drawing frames", "Reducing frames"}
    assert said[-1][1] == pytest.approx(1.0, abs=1e-6)
    assert known == [(path, path.stat().st_mtime_ns) for path, _ in known]
    found = frames_in(folder)
    assert found.shape == (3, *SHAPE)
    for new, old in ((0, 0), (2, 3)):
        np.testing.assert_array_equal(found[new], frames_in(finished)[old])
    missed = np.abs(found[1] - waves(0.5))[8:-8, 8:-8].mean()
    assert missed < 0.2 * np.abs(waves(0.0) - waves(0.5))[8:-8, 8:-8].mean()


def test_frames_that_were_stopped_are_drawn_again_from_the_same_velocities(
    files: tuple[str, str], finished: Path, quick: Settings, tmp_path: Path
) -> None:
    """Two choices of frames, of which the first is stopped in the middle."""
    images = (open_windows(files[0]), open_windows(files[1]))
    scene = copied(finished, tmp_path)
    folder = scene.path
    scene.finish({"weights": [1.0]})
    known = [(path, path.stat().st_mtime_ns) for path in (folder / "velocity.zarr").rglob("*")]
    for times, stops in (([0.5], True), ([0.25, 0.75], False)):
        asked = quick.updated({"output.frames": None, "output.times": times})
        other = request_of(files, images, asked, TILE, REDUCED)
        assert scene.redraw(other)
        make = partial(make_scene_frames, request=other, images=images, settings=asked)
        steps = run_scene(folder, make)
        if stops:
            next(steps)
            steps.close()
        else:
            drain(steps)
    assert known == [(path, path.stat().st_mtime_ns) for path, _ in known]
    found = frames_in(folder)
    assert found.shape == (4, *SHAPE)
    missed = np.abs(found[1] - waves(0.25))[8:-8, 8:-8].mean()
    assert missed < 0.3 * np.abs(waves(0.0) - waves(0.25))[8:-8, 8:-8].mean()


def test_tiles_of_the_scene_are_whole_chunks(finished: Path) -> None:
    for level in (0, 1):
        array = zarr.open_array(str(finished / "frames.ome.zarr" / str(level)), mode="r")
        assert array.chunks[-2:] == tuple(min(TILE, side) for side in array.shape[-2:])


def test_two_workers_of_a_cluster_give_the_same_and_one_may_die(
    finished: Path, start: Start, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    folder = tmp_path / "scene"
    make = start(folder)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        dask_workers(cluster.scheduler_address) as workers,
    ):
        for number, _ in enumerate(run_scene(folder, make, workers=workers)):
            if number == 26:
                victim = next(iter(cluster.workers.values()))
                os.kill(victim.pid, signal.SIGKILL)
    np.testing.assert_array_equal(frames_in(folder), frames_in(finished))


def test_a_scheduler_that_does_not_answer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    from napari_latentdyn.core.scene import cluster

    monkeypatch.setattr(cluster, "_TIMEOUT", 1.0)
    with (
        pytest.raises(UserError, match="no Dask scheduler answers at tcp:"),
        dask_workers("tcp://127.0.0.1:1"),
    ):
        pass


def test_a_constraint_is_refused_because_tiles_are_matched_apart(
    files: tuple[str, str], quick: Settings
) -> None:
    images = (open_windows(files[0]), open_windows(files[1]))
    asked = quick.updated({"physics.constraint": "rigid"})
    with pytest.raises(SettingsError, match=r"physics\.constraint must be none; got rigid"):
        request_of(files, images, asked, TILE, REDUCED)
