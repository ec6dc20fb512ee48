"""Run folders are written whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.core.runfolder.helpers import one_sentence

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.runfolder import folder as runfolder
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.settings import Settings

Save = Callable[..., Path]


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_things_of_the_user_are_never_replaced(tmp_path: Path, save: Save) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    (tmp_path / "file").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(RunFolderError, match="holds other files") as error:
            save(tmp_path / "letters", overwrite=overwrite)
        one_sentence(error)
        with pytest.raises(RunFolderError, match="is a file"):
            save(tmp_path / "file", overwrite=overwrite)
    assert everything(tmp_path) == {"letters/a.txt": b"dear", "file": b"x"}


def test_overwriting_has_to_be_asked_for_and_keeps_foreign_files(
    tmp_path: Path, save: Save, run: Dynamics
) -> None:
    folder = save(tmp_path / "run")
    (folder / "notes.txt").write_text("look at frame 3")
    (folder / "figures").mkdir()
    (folder / "figures" / "a.png").write_bytes(b"png")
    before = everything(tmp_path)
    with pytest.raises(RunFolderError, match="already holds a run"):
        save(folder)
    assert everything(tmp_path) == before
    save(folder, frames=run.frames() + 1, latents=None, overwrite=True)
    np.testing.assert_array_equal(Dynamics.load(folder).frames(), run.frames() + 1)
    assert (folder / "notes.txt").read_text() == "look at frame 3"
    assert (folder / "figures" / "a.png").read_bytes() == b"png"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(("name", "channels"), [("latents", (1,)), ("confidence", ())])
def test_what_was_optional_in_the_old_run_goes_with_it(
    tmp_path: Path, save: Save, name: str, channels: tuple[int, ...]
) -> None:
    folder = save(tmp_path / "run", **{name: np.zeros((4, *channels, 12, 16), np.float32)})
    assert (folder / f"{name}.npz").exists()
    save(folder, overwrite=True)
    assert Dynamics.load(folder).stored(name) is None
    assert not (folder / f"{name}.npz").exists()


def test_an_empty_folder_may_be_filled(tmp_path: Path, save: Save) -> None:
    (tmp_path / "run").mkdir()
    assert Dynamics.load(save(tmp_path / "run")).settings == Settings()


def test_through_a_link(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    save(tmp_path / "link", overwrite=True, report={"steps": 9})
    assert (tmp_path / "link").is_symlink()
    assert Dynamics.load(tmp_path / "real").report.steps == 9


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "no permission"),
        (errno.EACCES, "no permission"),
        (errno.EIO, "Input/output error"),
    ],
)
@pytest.mark.parametrize("where", ["mkdir", "frames", "arrays", "model", "text", "rename"])
def test_failing_disk(
    tmp_path: Path,
    save: Save,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    number: int,
    words: str,
) -> None:
    folder = save(tmp_path / "run")
    before = everything(tmp_path)
    calls = []

    def fail(*_: Any, **__: Any) -> None:
        calls.append(where)
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        if where == "frames":
            patch.setattr(tifffile, "imwrite", fail)
        elif where == "arrays":
            patch.setattr(runfolder, "write_arrays", fail)
        elif where == "text":
            patch.setattr(runfolder, "write_text", fail)
        elif where == "rename":
            rename = Path.rename

            def once(path: Path, target: Path) -> Any:
                # Only the new folder cannot be put in place; the old one can be put back.
                return fail() if path.name.endswith(".new") else rename(path, target)

            patch.setattr(Path, "rename", once)
        else:
            place, name = {"mkdir": (Path, "mkdir"), "model": (runfolder, "write_tensors")}[where]
            patch.setattr(place, name, fail)
        with pytest.raises(RunFolderError, match=words) as error:
            save(folder, overwrite=True, report={"steps": 9})
    assert calls
    assert str(folder) in one_sentence(error)
    assert everything(tmp_path) == before
    assert Dynamics.load(folder).report.steps == 5


def test_disk_that_really_refuses(tmp_path: Path) -> None:
    script = """
        import resource, signal, sys
        import numpy as np
        from napari_latentdyn.core.runfolder.folder import write_run
        from napari_latentdyn.errors import RunFolderError
        from napari_latentdyn.core.runfolder.schema import RunReport
        from napari_latentdyn.settings import Settings
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        try:
            write_run(sys.argv[1], frames=np.zeros((2, 99, 99), np.float32), times=np.arange(2.0),
                      velocity=np.zeros((1, 2, 99, 99), np.float32), field_times=np.zeros(1),
                      settings=Settings(), report=RunReport(), tensors={},
                      tensor_metadata={}, inputs={})
        except RunFolderError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot write the run folder" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_crash_in_the_middle_leaves_the_old_run(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    before = everything(folder)
    script = """
        import os, sys
        import numpy as np
        from napari_latentdyn.core.runfolder import folder as runfolder
        from napari_latentdyn.core.runfolder.schema import RunReport
        from napari_latentdyn.settings import Settings
        write_text = runfolder.write_text
        def crash(path, text):
            if path.name == "report.json":
                os._exit(9)
            write_text(path, text)
        runfolder.write_text = crash
        runfolder.write_run(
            sys.argv[1], frames=np.zeros((2, 9, 9), np.float32), times=np.arange(2.0),
            velocity=np.zeros((1, 2, 9, 9), np.float32), field_times=np.zeros(1),
            settings=Settings(), report=RunReport(), tensors={}, tensor_metadata={}, inputs={},
            overwrite=True)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(folder)], check=False)
    assert done.returncode == 9
    assert everything(folder) == before
    (half,) = (p for p in tmp_path.iterdir() if p != folder)
    assert half.name.startswith(".run.")
    with pytest.raises(RunFolderError, match="not a run folder"):
        Dynamics.load(half)
    save(folder, overwrite=True, report={"steps": 9})
    assert Dynamics.load(folder).report.steps == 9
