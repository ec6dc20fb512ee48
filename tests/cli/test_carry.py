"""The command ``carry``: files that lie on the images of a run, at other times."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from tests.core.helpers import finished, moved

from napari_latentdyn import Observations, Settings, fit

TIMES = np.array([10.0, 11.0, 13.0])
DRIFT = np.array([5.0, -3.0])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene that drifts by (5, -3) pixels in two hours, seen three times."""
    at = moved((DRIFT[0], DRIFT[1]))
    images = [at(time - TIMES[0]) for time in TIMES]
    changes = {"output.frames": 1, "images.interval": 2.0, "images.interval_unit": "hour"}
    quick = Settings.preset("quick").updated(
        {**changes, "training.device": "cpu", "training.threads": 1}
    )
    _, dynamics = finished(fit(Observations.from_arrays(*images, times=TIMES), quick))
    return dynamics.save(tmp_path_factory.mktemp("carry") / "run")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A square with the number 300."""
    array = np.zeros((64, 64), np.uint16)
    array[20:30, 30:44] = 300
    tifffile.imwrite(tmp_path / "cells.tif", array)
    return tmp_path / "cells.tif"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(rows: list[dict[str, str]], *names: str) -> NDArray[np.float64]:
    return np.array([[float(row[name]) for name in names] for row in rows])


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows))
    return path


def test_labels_follow_and_keep_type_and_number(call, run, labels, tmp_path):
    out = tmp_path / "out.ome.tif"
    answer = call("carry", run, labels, "-o", out, "--from", "11", "--times", "10,11,12.5")
    assert answer.code == 0, answer.err
    assert answer.out.strip() == str(out)
    assert "carried as labels; --as image interpolates them" in answer.err
    with tifffile.TiffFile(out) as file:
        found = file.asarray()
        assert file.series[0].axes == "TYX"
        document = ET.fromstring(file.ome_metadata or "")
    assert found.dtype == np.uint16
    assert set(np.unique(found)) == {0, 300}
    np.testing.assert_array_equal(found[1], tifffile.imread(labels))
    for frame, later in ((0, -1.0), (2, 1.5)):
        middle = np.argwhere(found[frame] == 300).mean(axis=0)
        np.testing.assert_allclose(middle, [24.5, 36.5] + later * DRIFT, atol=0.5)
    planes = [plane.get("DeltaT") for plane in document.iter() if plane.tag.endswith("Plane")]
    assert [float(time or "nan") for time in planes] == [0, 2, 5]


def test_an_image_is_interpolated_at_the_frames_of_the_run(call, run, labels, tmp_path):
    out = tmp_path / "new" / "folder"
    assert call("carry", run, labels, "-o", out, "--as", "image", "-q").code == 0
    found = tifffile.imread(out / "cells_carried.ome.tif")
    assert found.shape == (5, 64, 64)
    assert found.dtype == np.float32
    assert np.nanmin(found) >= 0
    assert np.nanmax(found) <= 300
    # Nothing is known about what enters from above.
    assert np.isnan(found[-1, :8]).all()
    assert np.isfinite(found[0]).all()


def test_a_stack_is_fused_and_labels_come_from_the_nearest(call, run, tmp_path):
    at = moved((DRIFT[0], DRIFT[1]))
    images = np.stack([at(time - TIMES[0]) for time in TIMES])
    tifffile.imwrite(
        tmp_path / "other.tif", (5 - images).astype(np.float32), photometric="minisblack"
    )
    numbered = np.stack([np.full((64, 64), k + 1, np.uint8) for k in range(3)])
    tifffile.imwrite(tmp_path / "numbers.tif", numbered, photometric="minisblack")
    sources = (tmp_path / "other.tif", tmp_path / "numbers.tif")
    out = tmp_path / "out"
    answer = call("carry", run, *sources, "-o", out, "--times", "11.9,12.1")
    assert answer.code == 0, answer.err
    frames = tifffile.imread(out / "other_carried.ome.tif")
    # Nothing is missing where one end shows it, and both agree with the truth.
    np.testing.assert_allclose(frames[0, 8:-8, 8:-8], 5 - at(1.9)[8:-8, 8:-8], atol=4)
    assert np.isfinite(frames).all()
    nearest = tifffile.imread(out / "numbers_carried.ome.tif")
    assert nearest[:, 32, 32].tolist() == [2, 3]


def test_points_of_napari_open_in_napari_again(call, run, tmp_path):
    source = write(tmp_path / "p.csv", "index,axis-0,axis-1", "0,20,30", "1,40.5,35", "2,99,0")
    out = tmp_path / "out.csv"
    answer = call("carry", run, source, "-o", out, "--from", "13", "--frames", "0")
    assert answer.code == 0, answer.err
    assert f"1 of 3 points of {source} lie outside" in answer.err
    rows = table(out)
    assert list(rows[0]) == ["index", "axis-0", "axis-1", "axis-2", "time", "point"]
    found = numbers(rows, "time", "axis-1", "axis-2")[::2]
    np.testing.assert_allclose(found[:, 0], TIMES)
    np.testing.assert_allclose(found[:, 1:], [20, 30] + (TIMES - 13)[:, None] * DRIFT, atol=0.5)


@pytest.mark.parametrize("heading", ["index,axis-0,axis-1,axis-2", "name,t,y,x", "name,frame,y,x"])
def test_points_with_times_of_their_own(call, run, tmp_path, heading):
    # napari counts images along the first axis.
    second = "1" if "frame" in heading or "axis-2" in heading else "11"
    source = write(tmp_path / "p.csv", heading, f"0,{second},20,30", f"1,{second},40,35")
    out = tmp_path / "out.csv"
    assert call("carry", run, source, "-o", out, "--times", "11").code == 0
    np.testing.assert_allclose(
        numbers(table(out), "axis-1", "axis-2"), [[20, 30], [40, 35]], atol=1e-6
    )
    answer = call("carry", run, source, "-o", out, "--from", "11", "--overwrite")
    assert "leave --from out" in answer.sentence()


def test_shapes(call, run, tmp_path):
    corners = ((20, 20), (20, 44), (40, 44), (40, 20))
    rows = [f"0,rectangle,{k},{y},{x}" for k, (y, x) in enumerate(corners)]
    rows += ["1,line,0,30,30", "1,line,1,35,50"]
    source = write(tmp_path / "s.csv", "index,shape-type,vertex-index,axis-0,axis-1", *rows)
    out = tmp_path / "out.csv"
    answer = call("carry", run, source, "-o", out, "--times", "10,11")
    assert answer.code == 0, answer.err
    found = table(out)
    assert {row["shape-type"] for row in found} == {"polygon", "line"}
    line = [row for row in found if row["shape-type"] == "line" and row["axis-0"] == "1"]
    np.testing.assert_allclose(
        numbers(line, "axis-1", "axis-2"), np.add(DRIFT, [[30, 30], [35, 50]]), atol=0.3
    )
    assert len({row["index"] for row in found}) == 4


def test_gaps_of_tracks_are_filled(call, run, tmp_path):
    end = np.array([20, 40]) + 3 * DRIFT
    source = write(
        tmp_path / "t.csv", "ID,t,y,x", "4,10,20,40", f"4,13,{end[0]},{end[1]}", "5,11,9,9"
    )
    out = tmp_path / "out.csv"
    assert call("carry", run, source, "-o", out).code == 0
    rows = table(out)
    assert [(row["ID"], row["t"], row["filled"]) for row in rows] == [
        ("4", "10", "0"),
        ("4", "11", "1"),
        ("4", "13", "0"),
        ("5", "11", "0"),
    ]
    np.testing.assert_allclose(numbers(rows[1:2], "y", "x")[0], np.add(DRIFT, [20, 40]), atol=0.3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("cells.tif", "-o", "there.tif"), "already exists"),
        (("cells.tif",), "carry needs -o PATH"),
        (("cells.tif", "-o", "a.csv"), "must end in .ome.tif"),
        (("cells.tif", "-o", "a.tif", "--as", "blobs"), "--as must be labels, image, points"),
        (("cells.tif", "-o", "a.tif", "--as", "points"), "must be used with a table"),
        (("cells.tif", "-o", "a.tif", "--from", "now"), "--from must be numbers"),
        (("cells.tif", "-o", "a.tif", "--from", "10,11"), "--from must be one time"),
        (("cells.tif", "-o", "a.tif", "--times", "9"), "between 10 and 13"),
        (("cells.tif", "cells.tif", "-o", "out"), "carry them one by one"),
        (("small.tif", "-o", "a.tif"), "small.tif: labels must have the shape"),
        (("real.tif", "-o", "a.tif", "--as", "labels"), "must be whole numbers; got 0.5"),
        (("two.tif", "-o", "a.tif"), "one for each of 3 observations; got 2"),
        (("three.tif", "-o", "a.tif", "--from", "10"), "leave --from out"),
        (("none.tif", "-o", "a.tif"), "there is no file none.tif"),
        (("p.csv", "-o", "a.csv", "--as", "shapes"), "columns index and shape-type"),
        (("p.csv", "-o", "a.csv", "--as", "tracks"), "columns ID, t, y and x"),
        (("word.csv", "-o", "a.csv"), "x in row 2 of word.csv must be a number; got 'b'"),
        (("short.csv", "-o", "a.csv"), "row 2 of short.csv must have 2 cells"),
        (("empty.csv", "-o", "a.csv"), "a row for each place; got none"),
        (("other.csv", "-o", "a.csv"), "must have the columns y and x"),
        (("twice.csv", "-o", "a.csv"), "each column once; got 'y' twice"),
        (("bytes.csv", "-o", "a.csv"), "bytes.csv is not a table of commas in UTF-8"),
        (("late.csv", "-o", "a.csv"), "late.csv: times must be numbers between 10 and 13"),
        (("once.csv", "-o", "a.csv"), "once.csv: a track must have two detections or more"),
        (("far.csv", "-o", "a.csv"), "far.csv: points must lie in the image"),
    ],
)
def test_wrong_input_is_one_sentence(call, run, labels, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "there.tif", "kept")
    for name, array in {
        "small": np.zeros((9, 9), np.uint8),
        "real": np.full((64, 64), 0.5, np.float32),
        "two": np.zeros((2, 64, 64), np.uint16),
        "three": np.zeros((3, 64, 64), np.uint16),
    }.items():
        tifffile.imwrite(f"{name}.tif", array, photometric="minisblack")
    for name, rows in {
        "p": ("y,x", "1,2"),
        "word": ("y,x", "1,b"),
        "short": ("y,x", "1"),
        "empty": ("y,x",),
        "twice": ("y,x,Y", "1,2,3"),
        "other": ("a,b", "1,2"),
        "late": ("t,y,x", "14,3,3"),
        "once": ("ID,t,y,x", "1,11,3,3"),
        "far": ("y,x", "300,300"),
    }.items():
        write(tmp_path / f"{name}.csv", *rows)
    (tmp_path / "bytes.csv").write_bytes(b"y,x\n\xff\xfe,1")
    answer = call("carry", run, *arguments)
    assert answer.code == 2
    assert words in answer.sentence()
    assert Path("there.tif").read_text() == "kept"
    assert not list(tmp_path.glob("a.*"))
