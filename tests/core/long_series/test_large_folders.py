"""Run folders of long series, which are read and written interval by interval."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.core.long_series.helpers import INTERVALS, same

from napari_latentdyn.core.dynamics import intervals
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.errors import RunFolderError, Stopped
from napari_latentdyn.files import archive


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
