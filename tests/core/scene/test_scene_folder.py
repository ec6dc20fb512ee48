"""The folder of a large scene: what it accepts, and who may write into it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_latentdyn.core.observations.images.windows import open_windows
from napari_latentdyn.core.scene.folder import SceneFolder
from napari_latentdyn.core.scene.request import SceneRequest, request_of
from napari_latentdyn.core.scene.run import Task, perform
from napari_latentdyn.core.scene.scene import Scene
from napari_latentdyn.errors import RunFolderError, SettingsError
from napari_latentdyn.settings import Settings

Start = Callable[[Path], Callable[[Path], None]]


def test_threads_may_differ_and_other_settings_are_named(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    start(folder)
    scene = SceneFolder(folder)
    request = scene.request()

    def changed(**names: Any) -> SceneRequest:
        settings = Settings.model_validate(request.settings).updated(
            {name.replace("__", "."): value for name, value in names.items()}
        )
        return replace(request, settings=json.loads(settings.to_json()))

    scene.start(changed(training__threads=2))
    assert scene.request().settings["training"]["threads"] == 2
    with pytest.raises(RunFolderError, match=r"other model.members \(3, now 4\); choose"):
        scene.start(changed(model__members=4))


def test_other_frames_of_an_unfinished_scene_are_refused_by_their_times(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "scene"
    start(folder)
    scene = SceneFolder(folder)
    other = replace(scene.request(), times=(0.0, 0.3, 1.0))
    with pytest.raises(RunFolderError, match="with other times of the frames; choose"):
        scene.start(other)


def test_one_process_computes_in_a_folder(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    start(folder)
    scene = SceneFolder(folder)
    with (
        scene.locked(),
        pytest.raises(RunFolderError, match="computed by another process"),
        scene.locked(),
    ):
        pass
    with scene.locked():
        pass
    assert [entry.name for entry in folder.iterdir()] == ["scene.json"]


@settings(max_examples=50, deadline=None)
@given(st.integers(32, 3000))
def test_no_chunk_of_the_frames_lies_in_two_tiles(tile: int) -> None:
    """Two workers that write one chunk would lose the pixels of one of them."""
    from napari_latentdyn.export.omezarr import _chunk_in

    chunk = _chunk_in(tile)
    assert tile % chunk == 0
    assert chunk <= 512 or chunk == tile // max(p for p in range(1, 9) if tile % p == 0)


def test_a_scene_of_other_images_is_refused(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    start(folder)
    other = replace(SceneFolder(folder).request(), tile=256)
    with pytest.raises(RunFolderError, match="holds a scene with other tiles;"):
        SceneFolder(folder).start(other)


def test_a_damaged_description_is_one_sentence(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    start(folder)
    (folder / "scene.json").write_text('{"format": 1')
    with pytest.raises(RunFolderError, match="missing or damaged"):
        SceneFolder(folder).request()


def test_a_task_is_marked_only_when_it_is_done(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "scene"
    start(folder)
    scene = Scene(folder)
    scene.make_arrays()

    def fail(number: int) -> None:
        raise RuntimeError(number)

    task = Task(str(folder), "reduce", 0, 0)
    monkeypatch.setattr(scene, "reduce", fail)
    with pytest.raises(RuntimeError):
        perform(task, scene)
    assert not scene.folder.is_done(task.name)


@pytest.mark.parametrize("equation", ["auto", "diffusion", "growth"])
def test_equations_of_the_whole_image_are_refused(
    equation: str, files: tuple[str, str], quick: Settings
) -> None:
    images = (open_windows(files[0]), open_windows(files[1]))
    asked = quick.updated({"physics.equation": equation})
    with pytest.raises(
        SettingsError, match=f"one of source, advection, continuity; got {equation}"
    ):
        request_of(files, images, asked, 128, 1 << 13)
