"""The command export: formats, times, options, interruptions, sentences."""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
import xarray
from tests.cli.conftest import write_pair

from napari_latentdyn.cli import main
from napari_latentdyn.core.dynamics.result import Dynamics

WKT = 'PROJCS["WGS 84 / NSIDC Sea Ice Polar Stereographic North"'
TRANSFORM = rasterio.Affine(100, 0, 500000, 0, -100, -1200000)


@pytest.fixture(scope="module")
def made_run(tmp_path_factory, drifting, tiny) -> Path:
    folder = tmp_path_factory.mktemp("made")
    arguments = [*write_pair(folder, drifting), "-o", folder / "drift", *tiny, "--interval", 6]
    assert main(["run", *map(str, arguments), "-q"]) == 0
    return folder / "drift"


@pytest.fixture
def run(made_run, tmp_path) -> Path:
    """A run folder with frames at 0, 0.5 and 1, and pixels of 100 m."""
    return shutil.copytree(made_run, tmp_path / "drift")


@pytest.fixture
def geo_pair(tmp_path, drifting) -> tuple[Path, Path]:
    """Two GeoTIFFs."""
    paths = tmp_path / "a.tif", tmp_path / "b.tif"
    for path, at in zip(paths, (0.0, 1.0), strict=True):
        options = {"driver": "GTiff", "height": 64, "width": 64, "count": 1, "dtype": "uint8"}
        with rasterio.open(path, "w", crs="EPSG:3413", transform=TRANSFORM, **options) as file:
            file.write(drifting(at), 1)
    return paths


def test_one_file_for_one_format(call, run, tmp_path):
    answer = call("export", run, "-o", tmp_path / "new" / "a.ome.tif")
    assert answer.code == 0
    assert answer.out == f"{tmp_path / 'new' / 'a.ome.tif'}\n"
    assert "ome-tiff" in answer.err
    written = tifffile.imread(tmp_path / "new" / "a.ome.tif")
    np.testing.assert_array_equal(written, Dynamics.load(run).frames())
    # The name gets its end, and a folder that is there a file.
    assert call("export", run, "--to", "csv", "-o", tmp_path / "b", "-q").out.endswith("b.csv\n")
    assert call("export", run, "--to", "pdf", "-o", tmp_path).out.endswith("/drift.pdf\n")
    assert (tmp_path / "drift.pdf").exists()
    # Folders, too, get a name of their own in a folder that is there.
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("kept")
    answer = call("export", run, "--to", "ome-zarr", "-o", tmp_path / "there", "-q")
    assert answer.out == f"{tmp_path / 'there' / 'drift.ome.zarr'}\n", answer.err
    foreign = tmp_path / "there" / "drift.ome.zarr" / "notes.txt"
    foreign.write_text("kept")
    answer = call("export", run, "-o", foreign.parent, "--overwrite")
    assert "holds other files" in answer.sentence()
    assert foreign.exists()


def test_a_folder_for_several_formats(call, run, tmp_path):
    out = tmp_path / "out"
    answer = call("export", run, "--to", "mp4,ome-zarr", "--to", ".nc", "-o", out, "--fps", 3)
    assert answer.code == 0, answer.err
    assert [Path(line).name for line in answer.out.splitlines()] == [
        "drift.mp4",
        "drift.ome.zarr",
        "drift.nc",
    ]
    assert sorted(entry.name for entry in out.iterdir()) == sorted(
        Path(line).name for line in answer.out.splitlines()
    )
    refused = call("export", run, "--to", "csv,mp4", "-o", out)
    assert refused.code == 2
    assert "already exists" in refused.sentence()
    # Nothing was begun.
    assert not (out / "drift.csv").exists()
    assert call("export", run, "--to", "csv,mp4", "-o", out, "--overwrite", "-q").code == 0


def test_stored_times_need_no_model(run, tmp_path):
    code = (
        "import sys; from napari_latentdyn.cli import main; "
        f"code = main(['export', {str(run)!r}, '--times', '0,0.5', '-o', "
        f"{str(tmp_path / 'a.ome.tif')!r}]); "
        "sys.exit(code + 10 * bool({'torch', 'napari', 'qtpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "a.ome.tif"), Dynamics.load(run).frames()[:2]
    )


def test_other_times_are_made_by_the_model(call, run, tmp_path):
    from napari_latentdyn import Dynamics

    path = tmp_path / "a.nc"
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    assert call("export", run, "--times", "0.3,0.5", "-o", path).code == 0
    with xarray.open_dataset(path) as data:
        np.testing.assert_allclose(data.fraction, [0.3, 0.5])
        np.testing.assert_allclose(data.frames, Dynamics.load(run).frames([0.3, 0.5]), atol=1e-4)
        assert data.attrs["title"] == "drift"
    answer = call("export", run, "--frames", 7, "-o", path, "--overwrite", "--device", "cpu")
    assert answer.code == 0
    with xarray.open_dataset(path) as data:
        np.testing.assert_allclose(data.fraction, np.linspace(0, 1, 9))
    assert {p.name: p.read_bytes() for p in run.iterdir()} == before


def test_options_reach_their_formats(call, run, tmp_path):
    import av

    path = tmp_path / "a.mp4"
    flags = ("--arrows", "--no-label", "--fps", "4", "--width", "201", "--limits", "-5", "250")
    assert call("export", run, "-o", path, *flags, "--colormap", "viridis").code == 0
    with av.open(str(path)) as file:
        assert file.streams.video[0].average_rate == 4
        assert file.streams.video[0].width == 202
    assert call("export", run, "-o", tmp_path / "a.png", "--shown", "0,1", "--dpi", 72).code == 0
    assert call("export", run, "-o", tmp_path / "a.tif", "--velocity", "-q").code == 0
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.count == 2 * len(Dynamics.load(run).fields)


# GeoTIFF -------------------------------------------------------------------------------------


def test_a_figure_shows_the_times_that_were_asked_for(call, run, tmp_path):
    path = tmp_path / "a.svg"
    assert call("export", run, "-o", path, "--shown", "0.1,0.5").code == 0
    text = path.read_text()
    # Of six hours.
    assert "0.6 h" in text
    assert "3.0 h" in text


def test_a_geotiff_keeps_its_place(call, geo_pair, tmp_path, tiny):
    run = tmp_path / "run"
    assert call("run", *geo_pair, "-o", run, *tiny, "--interval", 6, "-q").code == 0
    geo = Dynamics.load(run).report.inputs[0].geo
    assert geo["transform"] == list(TRANSFORM)[:6]
    assert geo["crs_wkt"].startswith(WKT)
    assert geo["units"] == "metre"
    assert call("export", run, "--to", "geotiff", "-o", tmp_path / "out.tif", "-q").code == 0
    with rasterio.open(tmp_path / "out.tif") as file, rasterio.open(geo_pair[0]) as first:
        assert file.crs == first.crs
        assert file.transform == first.transform
        assert file.bounds == first.bounds
    # What apply and resume write keeps it, too.
    assert call("apply", run, "--frames", 3, "-q").code == 0
    assert Dynamics.load(run).report.inputs[0].geo == geo


def test_images_of_different_places_are_told(call, geo_pair, tmp_path, tiny):
    told = "lie at different places"
    assert told not in call("run", *geo_pair, "-o", tmp_path / "same", *tiny, "-q").err
    with rasterio.open(geo_pair[1], "r+") as file:
        file.transform = TRANSFORM @ rasterio.Affine.translation(1, 0)
    answer = call("run", *geo_pair, "-o", tmp_path / "other", *tiny, "-q")
    assert answer.code == 0
    assert told in answer.err


def test_without_rasterio_a_geotiff_is_refused(call, geo_pair, tmp_path, tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    done = call("run", *geo_pair, "-o", tmp_path / "run", *tiny, "-q")
    assert done.code == 2
    assert "needs the library rasterio, which is missing" in done.err


# A script --------------------------------------------------------------------------------------


def test_a_script_makes_the_same_again(call, pair, tmp_path, tiny, monkeypatch, capsys):
    mask = np.zeros((64, 64), np.uint8)
    mask[:9] = 255
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    masks = ("--mask", tmp_path / "mask.tif", tmp_path / "mask.tif")
    run = tmp_path / "run"
    assert call("run", *pair, "-o", run, *tiny, *masks, "--seed", 7, "-q").code == 0
    assert call("export", run, "-o", tmp_path / "again.py", "-q").code == 0
    command = [sys.executable, str(tmp_path / "again.py"), "-o", str(tmp_path / "second")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("frames.ome.tif", "fields.npz", "model.safetensors"):
        assert (tmp_path / "second" / name).read_bytes() == (run / name).read_bytes(), name
    first, second = Dynamics.load(run), Dynamics.load(tmp_path / "second")
    assert second.report.inputs == first.report.inputs
    assert second.report.placement == first.report.placement
    assert second.settings.model_dump() == first.settings.model_dump()

    def again(*arguments: str) -> tuple[int, str]:
        """Return how the script ends, and its errors."""
        monkeypatch.setattr(sys, "argv", [command[1], *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(command[1], run_name="__main__")
        code = ended.value.code
        said = capsys.readouterr().err
        return (code, said) if isinstance(code, int) else (1, f"{said}{code}")

    # Nothing is overwritten.
    code, said = again(*command[2:])
    assert code == 2
    assert "already exists" in said
    # Other images can be given; these cannot be read.
    code, said = again("none.tif", "none.tif", "-o", str(tmp_path / "third"))
    assert code == 1
    assert "there is no file none.tif" in said
    assert "Traceback" not in said
    assert not (tmp_path / "third").exists()


# What goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("{run}",), "needs -o PATH"),
        (("{run}", "-o", "{out}"), "has no known suffix"),
        (("{run}", "-o", "{out}", "--to", "mp5"), "did you mean mp4?"),
        (("{run}", "-o", "{run}", "--to", "mp4"), "is the folder of the run itself"),
        (("{run}", "-o", "{out}.png", "--to", "mp4"), "name of another format, figure"),
        (("{none}", "-o", "{out}.mp4"), "there is no folder"),
        (("{run}", "-o", "{out}.mp4", "--times", "0,2"), "--times must be fractions"),
        (("{run}", "-o", "{out}.mp4", "--times", "x"), "--times must be fractions"),
        (("{run}", "-o", "{out}.mp4", "--frames", "-3"), "--frames must be a whole number"),
        (("{run}", "-o", "{out}.mp4", "--fps", "fast"), "--fps must be a number"),
        (("{run}", "-o", "{out}.mp4", "--width", "1.5"), "--width must be a whole number"),
        (("{run}", "-o", "{out}.mp4", "--fps", "0"), "frames per second"),
        (("{run}", "-o", "{out}.nc", "--fps", "3"), "netcdf does not use --fps"),
        (("{run}", "-o", "{out}.zarr", "--ngff", "0.1"), "--ngff must be 0.4 or 0.5"),
        (("{run}", "-o", "{out}.nc", "--start", "March"), "must be a date and time"),
        (("{run}", "-o", "{file}", "--to", "mp4,nc"), "several formats need a folder"),
        (("{run}", "-o", "{file}/a.nc"), "cannot be written"),
    ],
)
def test_wrong_input_ends_in_one_sentence(call, run, tmp_path, arguments, says):
    (tmp_path / "file").write_text("")
    places = {name: tmp_path / name for name in ("none", "out", "file")}
    before = sorted(tmp_path.iterdir())
    answer = call("export", *(text.format(run=run, **places) for text in arguments))
    assert answer.code == 2
    assert says in answer.sentence()
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_returns_1(call, run, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("napari_latentdyn.export.ometiff.write_ome_tiff", full)
    answer = call("export", run, "-o", tmp_path / "a.ome.tif", "-q")
    assert answer.code == 1
    assert "disk is full" in answer.sentence()
    assert not (tmp_path / "a.ome.tif").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no signals of this kind there")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_an_interrupted_export_leaves_nothing(run, tmp_path, number, code):
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-m", "napari_latentdyn", "export", str(run), "--frames", "3000"]
    command += ["-o", str(folder / "long.mp4"), "--width", "1600"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        # Frames are being drawn or encoded as soon as a first line of progress is there.
        assert process.stderr is not None
        assert process.stderr.readline()
        time.sleep(0.3)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out == b""
    assert b"Stopp" in err
    assert list(folder.iterdir()) == []
