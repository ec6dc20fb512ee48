"""Long series: intervals on disk, from which a fit continues, and results that are read lazily."""

from __future__ import annotations

import gc
import json
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
from scipy import ndimage
from tests.core.helpers import finished, moved, small_settings

from napari_latentdyn.core.dynamics import intervals
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.matching.ensemble import Ensemble, StoredEnsembles, held_out_weights
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.evidence import MotionEvidence
from napari_latentdyn.core.training import cache, initial
from napari_latentdyn.core.training.cache import discard_series, has_intervals, series_cache
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import FitError, RunFolderError, Stopped
from napari_latentdyn.files import archive
from napari_latentdyn.settings import Settings

#: Images and intervals of the series.
IMAGES, INTERVALS = 8, 7
SETTINGS = small_settings(
    "quick", training__steps=0, model__members=2, output__frames=1, output__confidence=True
)


def scene() -> Observations:
    """A drift with a missing place."""
    at = moved((1.5, -1.0), (32, 40))
    images = [at(0.3 * k) for k in range(IMAGES)]
    images[2][10:14, 20:26] = np.nan
    return Observations.from_arrays(*images)


@pytest.fixture(scope="module")
def observations() -> Observations:
    return scene()


def velocities(interval: Observations, settings: Settings, *_: Any) -> Any:
    """Stands in for the matching: velocities and a brightness that depend on both images."""
    yield 0, 2, "Matching"
    first, last = interval.normalised()
    random = np.random.default_rng(abs(hash(first.tobytes() + last.tobytes())))
    members = settings.model.members
    found = random.normal(size=(members, 2, *interval.shape)).astype(np.float32)
    found = ndimage.gaussian_filter(found, (0, 0, 4, 4)) * 3
    evidence = MotionEvidence(*random.random(3).tolist())
    weights, still = held_out_weights(random.random(members), 1.3, 900.0)
    yield 1, 2, "Matching"
    brightness = np.array([[1 + 0.1 * random.random(), 0.01]], np.float32)
    ensemble = Ensemble(found, weights, still, found.mean(axis=0), evidence)
    return interval.with_brightness_of(1, brightness), ensemble


@pytest.fixture(scope="module")
def short(observations: Observations) -> Dynamics:
    """The result in the memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(initial, "initial_velocities", velocities)
        found = finished(fit(observations, SETTINGS))[1]
    assert isinstance(found.fitted.ensembles, tuple)
    return found


@pytest.fixture(autouse=True)
def matched(monkeypatch: pytest.MonkeyPatch, short: Dynamics) -> list[int]:
    """Every series is long; count the intervals that are matched."""
    calls: list[int] = []

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return velocities(*arguments)

    monkeypatch.setattr(initial, "initial_velocities", counted)
    monkeypatch.setattr(cache, "IN_MEMORY", 0)
    # Every step of the matching is shown.
    monkeypatch.setattr("napari_latentdyn.core.training.fit._SHOW_EVERY", 0.0)
    return calls


def stopped_after(count: int, matched: list[int], *arguments: Any, **more: Any) -> None:
    """Run a fit, and drop it in the interval after `count` finished ones."""
    fitting = fit(*arguments, **more)
    before = len(matched)
    for _ in fitting:
        if len(matched) - before > count:
            break
    fitting.close()


def same(found: Dynamics, other: Dynamics) -> None:
    np.testing.assert_array_equal(found.fields, other.fields)
    np.testing.assert_array_equal(found.frames(), other.frames())
    np.testing.assert_array_equal(found.confidence(), other.confidence())
    assert found.report.motion_evidence == other.report.motion_evidence
    np.testing.assert_array_equal(found.observations.images, other.observations.images)
    for one, two in zip(found.fitted.ensembles, other.fitted.ensembles, strict=True):
        assert one.evidence == two.evidence
        assert one.course is not None
        assert two.course is not None
        assert one.course.share == two.course.share
        arrays = two.to_arrays()
        for name, array in one.to_arrays().items():
            np.testing.assert_array_equal(array, arrays[name])


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


def test_a_large_run_folder_is_read_when_it_is_used(
    short: Dynamics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = short.save(tmp_path / "run")
    plain = Dynamics.load(folder)
    monkeypatch.setattr(archive, "MAPPED", 0)
    mapped = Dynamics.load(folder)
    same(mapped, plain)
    np.testing.assert_array_equal(mapped.frames([1.3]), plain.frames([1.3]))
    assert isinstance(mapped.fields.base.base, np.memmap)
    mapped.fields[0, 0, 0, 0] += 1
    assert Dynamics.load(folder).fields[0, 0, 0, 0] == plain.fields[0, 0, 0, 0]
    # Another result in the same place is not mistaken for it.
    time.sleep(0.01)
    short.save(folder, overwrite=True)
    with pytest.raises(RunFolderError, match="replaced after it was opened"):
        mapped.frames([2.3])


def test_fields_of_older_folders_are_read(
    short: Dynamics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = short.save(tmp_path / "run")
    file = folder / "fields.npz"
    with np.load(file) as arrays:
        held = dict(arrays)
    np.savez(file, **held)
    report = json.loads((folder / "report.json").read_text())
    report["files"]["fields.npz"] = file.stat().st_size
    (folder / "report.json").write_text(json.dumps(report))
    monkeypatch.setattr(archive, "MAPPED", 0)
    np.testing.assert_array_equal(Dynamics.load(folder).fields, short.fields)


def test_damage_in_a_large_folder_is_noticed(
    short: Dynamics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = short.save(tmp_path / "run")
    monkeypatch.setattr(archive, "MAPPED", 0)
    file = folder / "fields.npz"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content)
    with pytest.raises(RunFolderError, match=r"fields\.npz cannot be read \(Bad CRC-32"):
        Dynamics.load(folder)
    short.save(folder, overwrite=True)
    opened = Dynamics.load(folder)
    ensembles = opened.fitted.ensembles
    place = (folder / "model.safetensors").stat()
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.seek(-4, os.SEEK_END)
        size = place.st_size
        stream.seek(size // 2)
        stream.write(b"\x00\x00\xc0\x7f" * 2000)
    os.utime(folder / "model.safetensors", ns=(place.st_atime_ns, place.st_mtime_ns))
    with pytest.raises(RunFolderError, match=r"invalid velocities or weights|another shape"):
        list(ensembles)


def test_large_frames_are_written_as_they_are_computed(
    short: Dynamics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = short.save(tmp_path / "plain")
    monkeypatch.setattr(intervals, "LARGE_FRAMES", 0)
    other = short.at(short.times() + 0.0)
    other._arrays, other._stored_in = {}, None
    drawn, told = [], []
    render = type(other.fitted).render

    def counted(self: Any, what: str, *arguments: Any) -> Any:
        drawn.append((what, len(arguments[2])))
        return render(self, what, *arguments)

    monkeypatch.setattr(type(other.fitted), "render", counted)
    other.render()
    assert not drawn
    folder = other.save(tmp_path / "run", on_frame=lambda *step: told.append(step))
    parts = [*[2] * (INTERVALS - 1), 3]
    # The first interval tells the shape.
    assert drawn[:2] == [("frames", 2), ("confidence", 2)]
    assert drawn[2:] == [(what, n) for what in ("frames", "confidence") for n in parts[1:]]
    assert told[-1] == (15, 15)
    assert told == sorted(told)
    for name in ("frames.ome.tif", "confidence.npz"):
        assert (folder / name).read_bytes() == (plain / name).read_bytes()
    with pytest.raises(Stopped):
        other.save(tmp_path / "other", should_stop=lambda: len(drawn) > 17)
    assert not (tmp_path / "other").exists()
    assert not list(tmp_path.glob(".*"))


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
