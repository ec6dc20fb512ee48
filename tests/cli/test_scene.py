"""The command for large scenes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rasterio
import rasterio.transform
import tifffile
import zarr

from napari_latentdyn.core.scene import cluster
from napari_latentdyn.core.scene import request as scene_request
from napari_latentdyn.core.scene.folder import SceneFolder


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes of more than 1600 pixels need tiles."""
    monkeypatch.setattr(scene_request, "_WHOLE", 1600)


@pytest.mark.usefixtures("small_is_large")
def test_a_scene_is_written_and_continued(call, pair, tmp_path):
    out, stack = tmp_path / "out", tmp_path / "frames.tif"
    arguments = ("scene", *pair, "-o", out, "--tile", "64", "--frames", "1", "--threads", "1")
    answer = call(*arguments, "--tiff", stack)
    assert answer.code == 0, answer.err
    assert answer.out.strip() == str(out)
    frames = np.asarray(zarr.open_array(str(out / "frames.ome.zarr" / "0"), mode="r")[:])
    first = tifffile.imread(pair[0])
    assert frames.shape == (3, *first.shape)
    assert frames.dtype == np.float32
    np.testing.assert_allclose(frames[0], first, atol=0.02)
    np.testing.assert_array_equal(tifffile.imread(stack), frames)
    about = json.loads((out / "frames.ome.zarr" / ".zattrs").read_text())
    assert about["latentdyn"]["fraction"] == [0.0, 0.5, 1.0]
    assert "is finished; --overwrite" in call(*arguments).sentence()
    again = tmp_path / "again.tif"
    assert call(*arguments, "--tiff", again).code == 0
    np.testing.assert_array_equal(tifffile.imread(again), frames)
    assert "again.tif exists" in call(*arguments, "--tiff", again).sentence()
    assert call(*arguments, "--overwrite", "-q").code == 0
    solution = (out / "solution.npz").stat().st_mtime_ns
    other = [text if text != "1" or k != 8 else "3" for k, text in enumerate(arguments)]
    assert "this scene with other frames" in call(*other).sentence()
    assert call(*other, "--overwrite", "-q").code == 0
    assert (out / "solution.npz").stat().st_mtime_ns == solution
    again = np.asarray(zarr.open_array(str(out / "frames.ome.zarr" / "0"), mode="r")[:])
    assert again.shape == (5, *first.shape)
    np.testing.assert_array_equal(again[2], frames[1])


@pytest.mark.usefixtures("small_is_large")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("{first}", "{small}", "-o", "{out}"), "same grid"),
        (("{first}", "{none}", "-o", "{out}"), "there is no file"),
        (("{first}", "{text}", "-o", "{out}"), "cannot be read as an image"),
        (("{first}", "{folder}", "-o", "{out}"), "is a folder"),
        (("{first}", "{last}:1", "-o", "{out}"), "as a file of its own"),
        (("{first}", "{last}", "-o", "{used}"), "is not empty and holds no scene"),
        (("{first}", "{last}", "-o", "{out}", "--tile", "8"), "at least 64 pixels; got 8"),
        (("{first}", "{last}", "-o", "{out}", "--tile", "x"), "invalid int"),
        (("{first}", "{last}", "-o", "{out}", "--preset", "paper"), "presets quick and standard"),
        (("{first}", "{last}", "-o", "{out}", "--channel", "1"), "no channel 1"),
        (("{first}", "{first}", "-o", "{out}", "-q"), "both images are the same"),
        (("{first}", "{last}"), "-o"),
        (("{first}", "{last}", "-o", "{out}", "--scheduler", "nowhere"), "address of a scheduler"),
        (("{first}", "{last}", "-o", "{out}", "--tiff", "{first}"), "is an image of the scene"),
        (("{first}", "{last}", "-o", "{out}", "--tiff", "{text}/x.tif"), "there is no folder"),
        (("{first}", "{last}", "-o", "{text}"), "is a file: choose a folder"),
        (("{first}", "{last}", "-o", "{text}/out"), "cannot be written"),
        (("{first}", "{last}", "-o", "{out}", "--batch-size", "3"), "no flag"),
    ],
)
def test_wrong_input_ends_in_one_sentence(call, pair, tmp_path, arguments, says):
    if "--scheduler" in arguments:
        pytest.importorskip("distributed")
    (tmp_path / "text.txt").write_text("no image")
    tifffile.imwrite(tmp_path / "small.tif", tifffile.imread(pair[1])[:40])
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter.txt").write_text("dear all")
    names = {
        "first": pair[0],
        "last": pair[1],
        "none": tmp_path / "none.tif",
        "folder": tmp_path,
        "text": tmp_path / "text.txt",
        "small": tmp_path / "small.tif",
        "used": tmp_path / "used",
        "out": tmp_path / "out",
    }
    answer = call("scene", *(text.format(**names) for text in arguments))
    assert answer.code == 2, answer.err
    assert says in answer.sentence()


@pytest.mark.usefixtures("small_is_large")
def test_a_refused_pair_does_not_block_the_folder(call, pair, tmp_path):
    out, quick = tmp_path / "out", ("--tile", "64", "--frames", "1", "-q")
    copy = tmp_path / "copy.ome.tif"
    copy.write_bytes(pair[0].read_bytes())
    assert "are the same:" in call("scene", pair[0], copy, "-o", out, *quick).sentence()
    assert not out.exists()
    assert call("scene", *pair, "-o", out, *quick).code == 0


@pytest.mark.usefixtures("small_is_large")
def test_paths_may_be_relative_and_changed_files_are_named(call, pair, tmp_path, monkeypatch):
    folder, quick = tmp_path / "sp ä" / "deep", ("--tile", "64", "--frames", "1", "-q")
    folder.mkdir(parents=True)
    assert call("scene", *pair, "-o", folder / "out", *quick).code == 0
    monkeypatch.chdir(folder)
    there = [os.path.relpath(path, folder) for path in pair]
    assert "is finished" in call("scene", *there, "-o", "../deep/out", *quick).sentence()
    assert "other tiles" in call("scene", *there, "-o", "out", "--frames", "1").sentence()
    os.utime(pair[0], (0, 0))
    assert "a file was changed after" in call("scene", *there, "-o", "out", *quick).sentence()


@pytest.mark.usefixtures("small_is_large")
def test_overwriting_deletes_the_scene_and_nothing_else(call, pair, tmp_path, monkeypatch):
    out, quick = tmp_path / "out", ("--tile", "64", "--frames", "1", "-q")
    assert call("scene", *pair, "-o", out, *quick).code == 0
    (out / "notes.txt").write_text("mine")
    assert call("scene", *pair, "-o", out, *quick, "--stages", "2", "--overwrite").code == 0
    assert (out / "notes.txt").read_text() == "mine"
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_TIMEOUT", 0.5)
    again = call("scene", *pair, "-o", out, *quick, "--overwrite", "--scheduler", "127.0.0.1:1")
    assert "no Dask scheduler answers" in again.sentence()
    assert SceneFolder(out).report(), "the scene that was to be overwritten is still there"


@pytest.mark.usefixtures("small_is_large")
def test_digits_on_a_large_offset_are_kept(call, pair, tmp_path):
    names = [tmp_path / "a64.tif", tmp_path / "b64.tif"]
    for name, source in zip(names, pair, strict=True):
        tifffile.imwrite(name, tifffile.imread(source).astype(np.float64) + 1e9)
    out = tmp_path / "out"
    assert call("scene", *names, "-o", out, "--tile", "64", "--frames", "1", "-q").code == 0
    frames = np.asarray(zarr.open_array(str(out / "frames.ome.zarr" / "0"), mode="r")[:])
    assert frames.dtype == np.float64
    np.testing.assert_allclose(frames[0] - 1e9, tifffile.imread(pair[0]), atol=0.05)


@pytest.mark.usefixtures("small_is_large")
def test_pixels_of_different_sizes_are_refused(call, pair, tmp_path):
    names = [str(tmp_path / "a40.tif"), str(tmp_path / "b30.tif")]
    for name, source, size in zip(names, pair, (40, 30), strict=True):
        image = tifffile.imread(source)
        with rasterio.open(
            name,
            "w",
            driver="GTiff",
            height=image.shape[0],
            width=image.shape[1],
            count=1,
            dtype=image.dtype,
            crs="EPSG:32633",
            transform=rasterio.transform.from_origin(5e5, 8e6, size, size),
        ) as file:
            file.write(image, 1)
    answer = call("scene", *names, "-o", tmp_path / "out")
    assert answer.code == 2
    assert "40" in answer.sentence()
    assert not (tmp_path / "out").exists()


def test_images_that_need_no_tiles_are_refused(call, pair, tmp_path):
    answer = call("scene", *pair, "-o", tmp_path / "out")
    assert answer.code == 2
    assert "use the command run" in answer.sentence()
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_keeps_what_is_done(tmp_path):
    """An image of 1.2 megapixels, stopped by the first Ctrl-C, and killed."""
    rng = np.random.default_rng(0)
    image = rng.normal(100, 20, (1100, 1100)).astype(np.float32)
    names = []
    for name, shift in (("a.tif", 0), ("b.tif", 3)):
        tifffile.imwrite(tmp_path / name, np.roll(image, shift, axis=1))
        names.append(str(tmp_path / name))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "napari_latentdyn", "scene", *names, "-o", str(out)]
    command += ["--tile", "256", "--frames", "1", "--threads", "1"]
    marks = out / "work" / "done"

    def stopped(count: int, how: signal.Signals) -> tuple[int, str]:
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        ) as process:
            until = time.monotonic() + 120
            while time.monotonic() < until and process.poll() is None:
                if marks.is_dir() and len(list(marks.iterdir())) >= count:
                    process.send_signal(how)
                    break
                time.sleep(0.02)
            _, said = process.communicate(timeout=60)
            return process.returncode, said

    code, said = stopped(3, signal.SIGINT)
    assert code == 130, said
    assert "The finished tiles are kept" in said
    assert "the same command continues the scene" in said
    before = len(list(marks.iterdir()))
    code, _ = stopped(before + 2, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert len(list(marks.iterdir())) >= before
