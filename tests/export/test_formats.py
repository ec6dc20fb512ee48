"""What all formats keep: nothing overwritten, nothing half-written, one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_latentdyn.errors import ExportError, ExportWriteError, Stopped
from napari_latentdyn.export import FORMATS, at_times, export, find_format

NAMES = [form.name for form in FORMATS]


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def path_for(form, folder: Path) -> Path:
    return folder / "new" / f"out{form.suffix}"


@pytest.mark.parametrize("name", NAMES)
def test_written_once_and_then_refused(run_data, tmp_path, name):
    form = find_format(name)[0]
    path = path_for(form, tmp_path)
    said = []
    done = form.write(run_data, path, on_progress=lambda done, total: said.append((done, total)))
    assert done == path
    assert path.is_dir() == form.folder
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert said
    assert said[-1][0] == said[-1][1]
    assert [step for step, _ in said] == sorted({step for step, _ in said})

    def state():
        files = [path, *path.rglob("*")]
        return {p: p.read_bytes() for p in files if p.is_file()}

    before = state()
    with pytest.raises(ExportError, match="already exists; choose another name") as caught:
        form.write(at_times(run_data, [0.0, 1.0]), path)
    assert str(caught.value).count(". ") == 0
    assert state() == before
    form.write(at_times(run_data, [0.0, 1.0]), path, overwrite=True)
    if name not in ("csv", "tracks", "script"):
        assert state() != before
    other = tmp_path / "other"
    if form.folder:
        other.write_text("a file")
    else:
        other.mkdir()
    if name not in ("mp4", "gif", "figure"):
        with pytest.raises(ExportError, match=r"is a (file|folder)"):
            form.write(run_data, other, overwrite=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("after", [0, 1])
def test_stopped_and_nothing_left(run_data, tmp_path, name, after):
    form = find_format(name)[0]
    asked = []

    def should_stop() -> bool:
        asked.append(True)
        return len(asked) > after

    with pytest.raises(Stopped):
        form.write(run_data, path_for(form, tmp_path), should_stop=should_stop)
    assert left(tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
def test_interrupted_and_the_old_one_stays(data, run_data, tmp_path, name):
    form = find_format(name)[0]
    path = path_for(form, tmp_path)
    form.write(run_data, path)
    before = left(tmp_path)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        form.write(run_data, path, overwrite=True, on_progress=interrupt)
    assert left(tmp_path) == before


_FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from napari_latentdyn.errors import ExportWriteError
from napari_latentdyn.export import find_format, make_dataset

random = np.random.default_rng(0)
data = make_dataset(
    frames=random.normal(size=(6, 96, 96)).astype(np.float32), times=np.linspace(0, 1, 6),
    velocity=random.normal(size=(3, 2, 96, 96)).astype(np.float32),
)
# Writing fails as on a full disk, within the libraries and not in a mock of them.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
failed = []
for name in sys.argv[2:]:
    form = find_format(name)[0]
    # Libraries are loaded, and fonts listed, while there is still room.
    form.write(data, Path(sys.argv[1]) / "before" / f"out{form.suffix}", overwrite=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
for name in sys.argv[2:]:
    form = find_format(name)[0]
    try:
        form.write(data, Path(sys.argv[1]) / "new" / f"out{form.suffix}")
    except ExportWriteError as error:
        print(name, error)
    else:
        failed.append(name)
sys.exit(f"written all the same: {failed}" if failed else 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="files have no limit there")
def test_a_full_disk_leaves_nothing(tmp_path):
    names = [name for name in NAMES if name != "script"]
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path), *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "new").exists()
    told = done.stdout.strip().splitlines()
    assert len(told) == len(names)
    assert all("cannot write the" in line for line in told)


def test_the_sentence_of_a_full_disk(run_data, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("napari_latentdyn.export.ometiff.write_ome_tiff", full)
    with pytest.raises(ExportWriteError, match="the disk is full; free some space"):
        export(run_data, tmp_path / "a.ome.tif")
    assert left(tmp_path) == []


@pytest.mark.parametrize("form", [form for form in FORMATS if form.modules])
def test_a_library_that_is_missing(run_data, tmp_path, monkeypatch, form):
    monkeypatch.setattr("napari_latentdyn.export.format.find_spec", lambda _: None)
    with pytest.raises(ExportError, match=rf'pip install "napari-latentdyn\[{form.extra}\]"'):
        form.write(run_data, path_for(form, tmp_path))
    assert left(tmp_path) == []


def test_formats_are_found_by_name_and_end():
    for text, name in (
        ("mp4", "mp4"),
        ("svg", "figure"),
        (".PDF", "figure"),
        ("out/a.ome.tif", "ome-tiff"),
        ("a.tif", "geotiff"),
        ("a.tracks.csv", "tracks"),
        ("a.csv", "csv"),
        ("a.zarr", "ome-zarr"),
        ("nc", "netcdf"),
    ):
        assert find_format(text)[0].name == name, text
    with pytest.raises(ExportError) as error:
        find_format("qqq")
    names = str(error.value).partition("choose one of ")[2].rstrip(".").split(", ")
    assert len(names) == len(set(names)) > 10
    with pytest.raises(ExportError, match="did you mean netcdf"):
        find_format("netcfd")


def test_names_and_options_are_unique():
    assert len(set(NAMES)) == len(NAMES)
    for form in FORMATS:
        names = [option.name for option in form.options]
        assert len(set(names)) == len(names)
        assert not {"overwrite", "on_progress", "should_stop"} & set(names)


def test_options_of_other_formats_are_refused(run_data, tmp_path):
    with pytest.raises(ExportError, match="OME-TIFF has no option 'fps'; it has none"):
        export(run_data, tmp_path / "a.ome.tif", fps=3)


def test_frames_at_some_of_the_times(run_data, tmp_path):
    chosen = at_times(run_data, [1.0, 0.5])
    np.testing.assert_array_equal(chosen.frames, run_data.frames[[4, 2]])
    # The run folder is still known.
    assert export(chosen, tmp_path / "a.py").exists()
    for times in ([0.1], [1.5], [float("nan")]):
        with pytest.raises(ExportError, match="no frame at"):
            at_times(run_data, times)
