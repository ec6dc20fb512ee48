"""The run folder: what is written is read, or one sentence says why not."""

from __future__ import annotations

import errno
import json
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import save as save_tensors
from tests.conftest import blank
from tests.folders import read_arrays, read_networks, read_observations

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.sources import describe_input
from napari_latentdyn.core.runfolder import folder as runfolder
from napari_latentdyn.core.runfolder.folder import read_model, write_run
from napari_latentdyn.core.runfolder.report import read_report
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.settings import Settings

Save = Callable[..., Path]
BINARY = ("frames.ome.tif", "fields.npz", "model.safetensors", "inputs.npz")
READERS = (read_arrays, read_networks, read_observations)
FLOATS = st.floats(width=32, allow_subnormal=False)
FINITE = st.floats(width=32, allow_subnormal=False, allow_nan=False, allow_infinity=False)


def one_sentence(error: pytest.ExceptionInfo[RunFolderError]) -> str:
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_arbitrary_arrays_come_back(data: st.DataObject, tmp_path_factory: Any) -> None:
    stages = data.draw(st.integers(1, 4), "stages")
    times = data.draw(st.integers(1, 5), "times")
    channels = data.draw(st.sampled_from([(), (1,), (3,)]), "channels")
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)), "shape")
    frames = data.draw(arrays(np.float32, (times, *channels, *shape), elements=FLOATS))
    velocity = data.draw(arrays(np.float32, (stages, 2, *shape), elements=FINITE))
    tensor = data.draw(arrays(np.float32, (2, 3), elements=FLOATS))
    at = np.sort(data.draw(arrays(np.float64, times, elements=st.floats(0, 1))))
    folder = tmp_path_factory.mktemp("run") / "result"
    observations = blank(frames)
    write_run(
        folder,
        frames=frames,
        times=at,
        velocity=velocity,
        field_times=np.arange(stages) / stages,
        settings=Settings.preset("paper"),
        report=RunReport(seed=3),
        tensors={"a": tensor, "step": np.array(7)},
        tensor_metadata={"channels": "1"},
        inputs=observations.to_arrays(),
    )
    back = Dynamics.load(folder)
    np.testing.assert_array_equal(back.frames(), frames)
    np.testing.assert_array_equal(back.times(), at)
    np.testing.assert_array_equal(back.fields, velocity)
    np.testing.assert_array_equal(back.field_times, np.arange(stages) / stages)
    assert back.frames().dtype == back.fields.dtype == np.float32
    assert back.settings == Settings.preset("paper")
    assert back.stored("latents") is None
    tensors, metadata = read_model(folder)
    np.testing.assert_array_equal(tensors["a"], tensor)
    assert tensors["step"] == 7
    assert tensors["step"].shape == ()
    assert metadata == {"format": "2", "channels": "1"}
    assert read_observations(folder).same_as(observations)


def test_report_is_strict_json_and_says_what_is_there(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "a" / "b" / "run")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    report = json.loads((folder / "report.json").read_text(), parse_constant=refuse)
    assert report["format_version"] == 2
    assert report["complete"] is True
    assert report["losses"] == {"total": 0.5, "space": None}
    assert report["times"] == [0, 1 / 3, 2 / 3, 1]
    assert set(BINARY) < set(report["files"])
    assert sorted(p.name for p in folder.iterdir()) == sorted([*report["files"], "report.json"])
    assert [p.name for p in folder.parent.iterdir()] == ["run"]


def test_frames_are_ome_tiff_with_sizes_and_times(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    with tifffile.TiffFile(folder / "frames.ome.tif") as file:
        assert file.is_ome
        assert file.series[0].axes == "TYX"
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeYUnit"]) == (10, "m")
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (20, "m")
    assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (2, "h")
    assert [plane["DeltaT"] for plane in pixels["Plane"]] == [0, 2, 4, 6]


def test_latents_are_kept(tmp_path: Path, save: Save) -> None:
    latents = np.random.default_rng(0).normal(size=(4, 2, 12, 16)).astype(np.float32)
    back = Dynamics.load(save(tmp_path / "run", latents=latents))
    np.testing.assert_array_equal(back.stored("latents"), latents)


def test_confidence_is_kept(tmp_path: Path, save: Save, run: Dynamics) -> None:
    confidence = np.random.default_rng(0).uniform(size=(4, 12, 16)).astype(np.float32)
    folder = save(tmp_path / "run", confidence=confidence)
    back = Dynamics.load(folder)
    assert back.stored("confidence") is not None
    assert back.stored("confidence").dtype == np.float32
    np.testing.assert_array_equal(back.stored("confidence"), confidence)
    assert back.stored("latents") is None
    with np.load(folder / "confidence.npz") as file:
        np.testing.assert_array_equal(file["times"], run.times())


def test_a_folder_from_before_there_was_confidence(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    settings_file = folder / "settings.json"
    older = json.loads(settings_file.read_text())
    del older["output"]["confidence"]
    settings_file.write_text(json.dumps(older))
    back = Dynamics.load(folder)
    assert back.stored("confidence") is None
    assert back.settings == Settings()


@pytest.mark.parametrize("name", ["latents", "confidence"])
def test_optional_file_that_is_missing_or_damaged(tmp_path: Path, save: Save, name: str) -> None:
    file = save(tmp_path / "run", **{name: np.zeros((4, 12, 16), np.float32)}) / f"{name}.npz"
    content = file.read_bytes()
    file.write_bytes(b"\xff" * len(content))
    with pytest.raises(RunFolderError) as error:
        read_arrays(tmp_path / "run")
    assert file.name in one_sentence(error)
    file.unlink()
    with pytest.raises(RunFolderError, match="missing") as error:
        read_arrays(tmp_path / "run")
    assert file.name in one_sentence(error)


def test_inputs_are_told_apart_by_content() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    told = describe_input("a.tif", image)
    assert told == {**describe_input("a.tif", image.copy()), "shape": [3, 4], "dtype": "uint8"}
    others = (image + 1, image.reshape(4, 3), image.astype(np.int8), image.T)
    assert len({told["sha256"], *(describe_input("a", i)["sha256"] for i in others)}) == 5


@pytest.mark.parametrize("name", [*BINARY, "settings.json"])
def test_missing_file(tmp_path: Path, save: Save, name: str) -> None:
    folder = save(tmp_path / "run")
    (folder / name).unlink()
    with pytest.raises(RunFolderError) as error:
        Dynamics.load(folder)
    assert name in one_sentence(error)
    assert "missing" in one_sentence(error)


@pytest.mark.parametrize("name", [*BINARY, "settings.json", "report.json"])
@pytest.mark.parametrize("left", [0, 10, 0.6])
def test_truncated_file(tmp_path: Path, save: Save, name: str, left: float) -> None:
    folder = save(tmp_path / "run")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(
        content[: left if left >= 1 or left == 0 else int(len(content) * left)]
    )
    for read in (read_arrays,) if name == "settings.json" else READERS:
        with pytest.raises(RunFolderError) as error:
            read(folder)
        assert name in one_sentence(error)


@pytest.mark.parametrize("name", BINARY)
def test_damaged_file_of_the_right_length(tmp_path: Path, save: Save, name: str) -> None:
    folder = save(tmp_path / "run")
    (folder / name).write_bytes(b"\xff" * (folder / name).stat().st_size)
    read = {"model.safetensors": read_networks, "inputs.npz": read_observations}.get(
        name, read_arrays
    )
    with pytest.raises(RunFolderError) as error:
        read(folder)
    assert name in one_sentence(error)


@pytest.mark.parametrize("read", [*READERS, read_report])
def test_newer_version(tmp_path: Path, save: Save, read: Callable[[Path], Any]) -> None:
    folder = save(tmp_path / "run")
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**report, "format_version": 3}))
    with pytest.raises(RunFolderError, match="newer version of napari-latentdyn") as error:
        read(folder)
    assert "update" in one_sentence(error)


@pytest.mark.parametrize(
    ("found", "words"), [("3", "newer version"), ("x", "version"), (None, "version")]
)
def test_model_of_another_version(
    tmp_path: Path, save: Save, found: str | None, words: str
) -> None:
    folder = save(tmp_path / "run")
    metadata = {} if found is None else {"format": found}
    model = save_tensors({"a": np.zeros(2, np.float32)}, metadata)
    (folder / "model.safetensors").write_bytes(model)
    report = json.loads((folder / "report.json").read_text())
    report["files"]["model.safetensors"] = len(model)
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(RunFolderError, match=words) as error:
        read_model(folder)
    one_sentence(error)


def test_unfinished_report_is_not_believed(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**report, "complete": False}))
    with pytest.raises(RunFolderError, match="not finished"):
        Dynamics.load(folder)


def test_fields_of_another_shape(tmp_path: Path, save: Save) -> None:
    folder, other = save(tmp_path / "run"), save(tmp_path / "other")
    np.savez(
        other / "fields.npz", velocity=np.zeros((3, 2, 12, 15), np.float32), times=np.arange(3)
    )
    report = json.loads((folder / "report.json").read_text())
    report["files"]["fields.npz"] = (other / "fields.npz").stat().st_size
    (other / "fields.npz").replace(folder / "fields.npz")
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(RunFolderError, match=r"fields\.npz"):
        Dynamics.load(folder)


def test_pickles_are_never_loaded(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    np.savez(folder / "inputs.npz", first=np.array([{"a": 1}], dtype=object))
    report = json.loads((folder / "report.json").read_text())
    report["files"]["inputs.npz"] = (folder / "inputs.npz").stat().st_size
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(RunFolderError, match=r"inputs\.npz"):
        read_observations(folder)


def test_other_places_are_not_taken_for_runs(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no folder"):
        Dynamics.load(tmp_path / "nowhere")
    with pytest.raises(RunFolderError, match="not a run folder"):
        Dynamics.load(tmp_path)
    (tmp_path / "report.json").write_text('{"title": "something else"}')
    with pytest.raises(RunFolderError, match="something else"):
        Dynamics.load(tmp_path)


def test_edited_text_is_still_a_run(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    settings_file = folder / "settings.json"
    settings_file.write_text(settings_file.read_text().replace('"seed": 0', '"seed": 12'))
    assert Dynamics.load(folder).settings.training.seed == 12
    settings_file.write_text(settings_file.read_text().replace('"seed": 12', '"sed": 12'))
    with pytest.raises(RunFolderError, match=r"did you mean 'seed'"):
        Dynamics.load(folder)


def test_things_of_the_user_are_never_replaced(tmp_path: Path, save: Save) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    (tmp_path / "file").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(RunFolderError, match="holds other things") as error:
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
            patch.setattr(np, "savez", fail)
        elif where == "text":
            patch.setattr(runfolder, "write_text", fail)
        elif where == "rename":
            rename = Path.rename

            def once(path: Path, target: Path) -> Any:
                # Only the new folder cannot be put in place; the old one can be put back.
                return fail() if path.name.endswith(".new") else rename(path, target)

            patch.setattr(Path, "rename", once)
        else:
            patch.setattr(Path, {"mkdir": "mkdir", "model": "write_bytes"}[where], fail)
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


def test_reading_needs_no_torch(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    script = """
        import sys
        from tests.folders import read_arrays, read_networks, read_observations
        for read in (read_arrays, read_networks, read_observations):
            read(sys.argv[1])
        assert not {"torch", "napari", "qtpy"} & set(sys.modules)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])
