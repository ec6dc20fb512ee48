"""The command ``run`` on a series."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import xarray
from tests.core.helpers import moved

from napari_latentdyn.core.dynamics.result import Dynamics

DATES = ("20240301_0000", "20240301_0600", "20240302_0000", "20240302_1200")
HOURS = (0.0, 6.0, 24.0, 36.0)
QUICK = ("--preset", "quick", "--threads", "1", "--frames", "0")


@pytest.fixture
def scene():
    """Images of a scene that drifts by (0.25, -0.15) pixels an hour."""
    at = moved((9.0, -5.4))
    return [at(hour / 36).astype(np.float32) for hour in HOURS]


@pytest.fixture
def folder(scene, tmp_path):
    """Files whose names are in another order than their times, and a text beside them."""
    where = tmp_path / "series"
    where.mkdir()
    for prefix, date, image in zip("badc", DATES, scene, strict=True):
        tifffile.imwrite(where / f"{prefix}_{date}.tif", image)
    (where / "notes.txt").write_text("no image")
    return where


def drift(run: Dynamics) -> np.ndarray:
    """Displacement in each interval in the middle of the image."""
    intervals = len(run.observation_times) - 1
    fields = run.fields.reshape(intervals, -1, *run.fields.shape[1:])
    return np.median(fields.sum(axis=1)[..., 16:-16, 16:-16], axis=(-2, -1))


def test_a_folder_with_dates_in_its_names(call, folder, tmp_path):
    out = tmp_path / "run"
    answer = call("run", folder, "-o", out, *QUICK, "--times-pattern", "%Y%m%d_%H%M")
    assert answer.code == 0, answer.err
    run = Dynamics.load(out)
    assert run.interval == (1.0, "hour")
    np.testing.assert_allclose(run.observation_times, HOURS)
    np.testing.assert_allclose(drift(run)[:, 0], 0.25 * np.diff(HOURS), atol=0.3)
    names = [entry.name for entry in run.report.inputs]
    assert names == [f"{p}_{d}.tif" for p, d in zip("badc", DATES, strict=True)]


def test_a_pattern_of_files_and_times_in_a_table(call, folder, tmp_path):
    table = tmp_path / "times.csv"
    rows = [
        f"{p}_{d}.tif,2024-03-{d[6:8]}T{d[9:11]}:00" for p, d in zip("badc", DATES, strict=True)
    ]
    table.write_text("\n".join(["file,time", *rows]))
    out = tmp_path / "run"
    answer = call("run", f"{folder}/*.tif", "-o", out, *QUICK, "--times-table", table)
    assert answer.code == 0, answer.err
    np.testing.assert_allclose(Dynamics.load(out).observation_times, HOURS)


def test_frames_at_times_of_a_series_with_times_of_its_own(call, scene, tmp_path):
    """A NetCDF knows when its images were taken."""
    file, out = tmp_path / "series.nc", tmp_path / "run"
    data = xarray.DataArray(
        np.stack(scene),
        dims=("time", "y", "x"),
        coords={"time": ("time", list(HOURS), {"units": "hours since 2024-03-01"})},
        name="ice",
    )
    data.to_netcdf(file)
    arguments = ("run", file, "-o", out, *QUICK[:4])
    answer = call(*arguments, "--times", "3,30")
    assert answer.code == 0, answer.err
    run = Dynamics.load(out)
    np.testing.assert_allclose(run.times(), [0, 3, 6, 24, 30, 36], atol=1e-9)
    truth = moved((9.0, -5.4))(30 / 36)
    missed = np.abs(run.frames()[4] - truth)[16:-16, 16:-16].mean()
    assert missed < 0.15 * np.abs(scene[2] - truth)[16:-16, 16:-16].mean()
    assert "between 0 and 36" in call(*arguments, "--overwrite", "--times", "40").sentence()
    twice = call(*arguments, "--overwrite", "--interval", "2")
    assert "leave --interval out" in twice.sentence()


def test_a_stack_without_times_is_evenly_spaced_and_said_so(call, scene, tmp_path):
    file, out = tmp_path / "series.tif", tmp_path / "run"
    tifffile.imwrite(file, np.stack(scene), photometric="minisblack")
    answer = call("run", file, "-o", out, *QUICK, "--learn-from-series")
    assert answer.code == 0, answer.err
    assert "evenly spaced" in answer.err
    assert "2 images of the series were hidden" in answer.err
    report = json.loads((out / "report.json").read_text())
    assert report["observation_times"] == [0, 1, 2, 3]
    assert report["hidden"]["images"] == 2


def test_two_images_of_a_stack_are_a_pair(call, scene, tmp_path):
    file, out = tmp_path / "pair.tif", tmp_path / "run"
    tifffile.imwrite(file, np.stack(scene[:2]), photometric="minisblack")
    dates = "2024-03-01,2024-03-02"
    answer = call("run", file, "-o", out, *QUICK, "--times-of-images", dates)
    assert answer.code == 0, answer.err
    run = Dynamics.load(out)
    assert run.interval == (1.0, "day")
    np.testing.assert_array_equal(run.observation_times, [0, 1])


def test_one_mask_for_all(call, folder, tmp_path):
    mask, out = tmp_path / "mask.tif", tmp_path / "run"
    missing = np.zeros((64, 64), np.uint8)
    missing[20:30, 20:30] = 1
    tifffile.imwrite(mask, missing)
    assert call("run", folder, "-o", out, *QUICK, "--mask", mask).code == 0
    valid = Dynamics.load(out).observations.valid
    np.testing.assert_array_equal(valid, np.broadcast_to(missing == 0, valid.shape))
    few = call("run", folder, "-o", out, *QUICK, "--overwrite", "--mask", mask, mask)
    assert "one for each of 4 images; got 2" in few.sentence()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("{one}",), "two images or more"),
        (("{empty}",), "a folder that holds no image"),
        (("{folder}/x*.tif",), "no file fits the pattern"),
        (("{folder}", "--times-pattern", "day"), "a pattern of dates must be made of %Y"),
        (("{folder}", "--times-pattern", "%Q"), "a pattern of dates must be made of %Y"),
        (("{folder}", "--times-pattern", "%Y-%m-%d"), "has no date of the pattern"),
        (("{folder}", "--times-pattern", "%Y"), "increasing"),
        (("{folder}", "--times-table", "{table}"), "has no time of"),
        (("{folder}", "--times-table", "{empty}"), "is a folder"),
        (("{folder}", "--times-of-images", "1,2"), "one time for each of 4 images; got 2"),
        (("{folder}", "--times-of-images", "0,1,1,2"), "increasing"),
        (("{folder}", "--times-of-images", "a,b,c,d"), "numbers, or dates"),
        (
            ("{folder}", "--times-of-images", "0,1,2,3", "--times-pattern", "%Y"),
            "exclude each other",
        ),
        (("{stack}", "--times-pattern", "%Y"), "the images are one stack"),
        (("{stack}", "{one}"), "holds 4 images: choose one"),
    ],
)
def test_wrong_input_ends_in_one_sentence(call, folder, scene, tmp_path, arguments, says):
    empty, table, stack = tmp_path / "none", tmp_path / "times.csv", tmp_path / "stack.tif"
    empty.mkdir()
    table.write_text("file,time\na.tif,3\n")
    tifffile.imwrite(stack, np.stack(scene), photometric="minisblack")
    names = {
        "folder": folder,
        "one": next(folder.glob("*.tif")),
        "empty": empty,
        "table": table,
        "stack": stack,
    }
    texts = [text.format(**names) if "{" in text else text for text in arguments]
    answer = call("run", *texts, "-o", tmp_path / "out", *QUICK)
    assert says in answer.sentence()
    assert not (tmp_path / "out").exists()


def test_times_of_a_series_are_those_of_its_images_everywhere(call, scene, tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", np.stack(scene[:3]), photometric="minisblack")
    unit = ("--interval", "2", "--interval-unit", "minute")
    out = tmp_path / "run"
    answer = call(
        "run", tmp_path / "s.tif", "-o", out, *QUICK, *unit, "--times-of-images", "0,10,30"
    )
    assert answer.code == 0, answer.err
    assert "The images are at 0, 20, 60 minutes." in answer.err
    new = tmp_path / "new"
    assert call("apply", out, "--times", "5,25", "-o", new).code == 0
    np.testing.assert_allclose(Dynamics.load(new).times(), [0, 5, 10, 25, 30])
    table = tmp_path / "a.nc"
    assert call("export", out, "-o", table, "--times", "5,25").code == 0
    with xarray.open_dataset(table, decode_timedelta=False) as data:
        np.testing.assert_allclose(data.time, [10, 50])
    for command in (["apply", out], ["export", out, "-o", table]):
        wrong = call(*command, "--times", "40", "--overwrite")
        assert wrong.code == 2
        assert "--times must lie between 0 and 30" in wrong.sentence()
