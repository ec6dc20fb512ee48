"""Intervals on disk, from which a fit of a long series continues."""

from __future__ import annotations

import gc
import os
import time
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import platformdirs
import pytest
from filelock import FileLock
from tests.core.helpers import finished
from tests.core.long_series.helpers import INTERVALS, SETTINGS, same, scene, stopped_after

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.matching.ensemble import Ensemble, StoredEnsembles
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.cache import (
    discard_series,
    discard_unused,
    has_intervals,
    series_cache,
)
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import FitError, RunFolderError, Stopped
from napari_latentdyn.files import archive


def test_a_series_on_disk_is_that_in_the_memory(
    observations: Observations, short: Dynamics, tmp_path: Path
) -> None:
    found = finished(fit(observations, SETTINGS, keep=tmp_path / "keep"))[1]
    assert isinstance(found.fitted.ensembles, StoredEnsembles)
    assert isinstance(found.fields.base, np.memmap) or isinstance(found.fields.base.base, np.memmap)
    same(found, short)
    # Those as matched are not needed any more.
    names = sorted(path.name for path in (tmp_path / "keep").glob("*.safetensors"))
    assert names == [f"followed-{k:05d}.safetensors" for k in range(INTERVALS)]
    assert found.save(tmp_path / "long").stat()
    short.save(tmp_path / "short")
    for name in ("frames.ome.tif", "fields.npz", "model.safetensors", "confidence.npz"):
        same_file = (tmp_path / "long" / name).read_bytes()
        assert same_file == (tmp_path / "short" / name).read_bytes()


def test_a_temporary_folder_goes_with_the_result(observations: Observations) -> None:
    found = finished(fit(observations, SETTINGS))[1]
    folder = found.fitted.ensembles._read.__wrapped__.__self__.path(0).parent
    assert folder.is_dir()
    del found
    gc.collect()
    assert not folder.exists()


def test_a_stopped_fit_continues(
    observations: Observations, short: Dynamics, tmp_path: Path, matched: list[int]
) -> None:
    keep = tmp_path / "keep"
    stopped_after(3, matched, observations, SETTINGS, keep=keep)
    assert has_intervals(keep)
    # What a kill leaves behind: an unfinished file and a lock that nobody holds.
    (keep / ".matched-00003.safetensors.ab.safetensors").write_bytes(b"half")
    (keep / ".lock").touch()
    matched.clear()
    steps, found = finished(fit(observations, SETTINGS, keep=keep))
    assert steps[0].note == "3 of 7 intervals were matched before."
    assert not any(step.note for step in steps[1:])
    assert len(matched) == INTERVALS - 3
    same(found, short)
    matched.clear()
    again = finished(fit(observations, SETTINGS, keep=keep))[1]
    assert not matched
    same(again, short)
    del found, again
    gc.collect()
    discard_series(keep)
    assert not keep.exists()


def test_a_stop_between_the_courses_loses_nothing(
    observations: Observations, short: Dynamics, tmp_path: Path, matched: list[int]
) -> None:
    def should_stop() -> bool:
        return (tmp_path / "keep" / "followed-00001.safetensors").exists()

    with pytest.raises(Stopped):
        finished(fit(observations, SETTINGS, keep=tmp_path / "keep", should_stop=should_stop))
    matched.clear()
    same(finished(fit(observations, SETTINGS, keep=tmp_path / "keep"))[1], short)
    assert not matched


@pytest.mark.parametrize("damage", ["cut", "empty", "other"])
def test_a_damaged_interval_is_matched_again(
    observations: Observations, short: Dynamics, tmp_path: Path, matched: list[int], damage: str
) -> None:
    keep = tmp_path / "keep"
    stopped_after(3, matched, observations, SETTINGS, keep=keep)
    file = keep / "matched-00001.safetensors"
    content = file.read_bytes()
    file.write_bytes({"cut": content[:-9], "empty": b"", "other": b"\xff" * len(content)}[damage])
    matched.clear()
    same(finished(fit(observations, SETTINGS, keep=keep))[1], short)
    assert len(matched) == INTERVALS - 2


@pytest.mark.parametrize("change", ["images", "settings", "missing"])
def test_other_images_or_settings_start_again(
    observations: Observations, tmp_path: Path, matched: list[int], change: str
) -> None:
    keep, other, settings = tmp_path / "keep", observations, SETTINGS
    stopped_after(2, matched, observations, SETTINGS, keep=keep)
    if change == "images":
        other = Observations.from_arrays(*(image[0] + 1 for image in observations.images))
    elif change == "missing":
        other = Observations.from_arrays(*(image[0] for image in observations.images))
    else:
        settings = SETTINGS.updated({"model.members": 1})
    matched.clear()
    stopped_after(1, matched, other, settings, keep=keep)
    assert len(list(keep.glob("matched-*"))) == 1
    # Frames and threads decide nothing.
    free = settings.updated({"output.frames": 3, "training.threads": 1})
    matched.clear()
    stopped_after(1, matched, other, free, keep=keep)
    assert len(list(keep.glob("matched-*"))) == 2
    again = fit(observations, SETTINGS, keep=keep)
    assert "other images or settings" in next(again).note
    again.close()


def test_folders_of_others_are_not_touched(observations: Observations, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "series.json").write_text("[1, 2]")
    with pytest.raises(RunFolderError, match="holds other files"):
        next(fit(observations, SETTINGS, keep=tmp_path / "mine"))
    discard_series(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["series.json"]
    (tmp_path / "busy").mkdir()
    with (
        FileLock(tmp_path / "busy" / ".lock"),
        pytest.raises(RunFolderError, match="by another process"),
    ):
        next(fit(observations, SETTINGS, keep=tmp_path / "busy"))
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="holds other files"):
        next(fit(observations, SETTINGS, keep=tmp_path / "file"))


def test_a_stop_before_the_first_interval_leaves_no_folder(
    observations: Observations, tmp_path: Path, matched: list[int]
) -> None:
    stopped_after(0, matched, observations, SETTINGS, keep=tmp_path / "keep")
    assert not (tmp_path / "keep").exists()
    finished(fit(observations.interval(0), SETTINGS, keep=tmp_path / "keep"))
    assert not (tmp_path / "keep").exists()


def test_few_ensembles_are_in_the_memory(
    observations: Observations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: weakref.WeakSet[Ensemble] = weakref.WeakSet()
    most = [0]
    made = Ensemble.__init__

    def counted(self: Ensemble, *arguments: Any, **more: Any) -> None:
        made(self, *arguments, **more)
        alive.add(self)
        most[0] = max(most[0], len(alive))

    monkeypatch.setattr(Ensemble, "__init__", counted)
    found = finished(fit(observations, SETTINGS, keep=tmp_path / "keep"))[1]
    found.save(tmp_path / "run")
    assert most[0] <= 5
    del found
    gc.collect()
    monkeypatch.setattr(archive, "MAPPED", 0)
    opened = Dynamics.load(tmp_path / "run")
    opened.frames(np.arange(INTERVALS) + 0.5)
    assert isinstance(opened.fitted.ensembles, StoredEnsembles)
    assert len(alive) <= 3


def test_the_cache_has_a_folder_for_each_series(
    observations: Observations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, matched: list[int]
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / name)
    folder = series_cache(observations, SETTINGS)
    assert folder == series_cache(scene(), SETTINGS.updated({"output.frames": 2}))
    assert folder != series_cache(observations, SETTINGS.updated({"model.members": 1}))
    stopped_after(1, matched, observations, SETTINGS, keep=folder)
    assert has_intervals(folder)
    gc.collect()
    old = time.time() - 15 * 24 * 3600
    os.utime(folder / "series.json", (old, old))
    assert series_cache(observations.interval(0), SETTINGS).parent == folder.parent
    assert not folder.exists()


def test_a_full_disk_is_told_in_one_sentence(
    observations: Observations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(FitError, match="the disk is full"):
        finished(fit(observations, SETTINGS, keep=tmp_path / "keep"))
    assert has_intervals(tmp_path / "keep")


def test_training_on_a_long_series(observations: Observations, tmp_path: Path) -> None:
    settings = SETTINGS.updated({"training.steps": 1, "training.batch_size": 2})
    found = finished(fit(observations, settings, keep=tmp_path / "keep"))[1]
    again = Dynamics.load(found.save(tmp_path / "run"))
    longer = settings.updated({"training.steps": 2})
    on = finished(fit(again.observations, longer, resume=again.fitted.checkpoint))[1]
    assert on.report.steps == 2


def test_a_folder_lives_as_long_as_the_results_that_use_it(
    observations: Observations, tmp_path: Path, short: Dynamics
) -> None:
    keep = tmp_path / "kept"
    first = finished(fit(observations, SETTINGS, keep=keep))[1]
    discard_unused(keep)
    again = finished(fit(observations, SETTINGS, keep=keep))[1]
    discard_unused(keep)
    del first
    gc.collect()
    assert keep.is_dir()
    same(again, short)
    del again
    gc.collect()
    assert not keep.exists()
