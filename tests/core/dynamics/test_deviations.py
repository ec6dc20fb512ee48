"""Standard deviations in datasets, netCDF and tables."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.core.helpers import moved

from napari_latentdyn import Dynamics, fit_pair
from napari_latentdyn.cli import main
from napari_latentdyn.core.runfolder.schema import PlacementReport
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export

SHAPE = (48, 60)


@pytest.fixture(scope="module")
def run() -> Dynamics:
    """A drift in 12 hours, in pixels of 0.1 x 0.2 km."""
    at = moved((3.0, -2.0), SHAPE)
    units = {"pixel_size": (0.1, 0.2), "units": "km", "interval": 12.0, "interval_unit": "hour"}
    return fit_pair(at(0), at(1), preset="quick", **units)


def test_variables_have_units_and_are_ancillary(run: Dynamics, tmp_path: Path) -> None:
    data = run.to_xarray(std=True)
    assert "frames_standard_deviation" not in run.to_xarray()
    std = run.stage_deviations()[0]
    hours = 12.0 / len(run.fields)
    for axis, length in (("y", 0.1), ("x", 0.2)):
        own = data[f"velocity_{axis}_standard_deviation"]
        np.testing.assert_allclose(own, std * length / hours, rtol=1e-5)
        assert own.attrs["units"] == data[f"velocity_{axis}"].attrs["units"] == "km h-1"
    with xr.open_dataset(export(data, tmp_path / "a.nc", std=True, sea_ice=True)) as read:
        np.testing.assert_array_equal(read.frames_standard_deviation, run.frame_std())
        assert read.frames.attrs["ancillary_variables"] == "frames_standard_deviation"
        named = read.velocity_x.attrs["ancillary_variables"]
        assert named == "velocity_x_standard_deviation velocity_measured"
        standard = read.velocity_x_standard_deviation.attrs["standard_name"]
        assert standard == "sea_ice_x_velocity standard_error"
        np.testing.assert_array_equal(read.velocity_measured, run.is_measured())
        assert read.velocity_measured.attrs["flag_meanings"] == "not_measured measured"


def test_deviations_follow_rows_and_columns_that_are_turned(run: Dynamics) -> None:
    turned = run.at([0.0, 1.0])
    angle = np.radians(30.0)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = [[2 * cos, -3 * sin, 0.0], [2 * sin, 3 * cos, 0.0], [0.0, 0.0, 1.0]]
    place = PlacementReport.model_validate({"affine": matrix, "units": ["meter", "meter"]})
    turned.report = run.report.model_copy(update={"placement": place})
    data = turned.to_xarray(std=True)
    # Equal and independent deviations in pixels: variances add up along each axis of the world.
    expected = run.stage_deviations()[0] / (12.0 / len(run.fields))
    down = np.hypot(2 * cos, 3 * sin)
    np.testing.assert_allclose(data.velocity_y_standard_deviation, expected * down, rtol=1e-5)


def test_the_table_has_columns_of_deviations(run: Dynamics, tmp_path: Path) -> None:
    plain = export(run.to_xarray(), tmp_path / "plain.csv", spacing=8)
    path = export(run.to_xarray(std=True), tmp_path / "std.csv", spacing=8, std=True)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    before = list(csv.DictReader(plain.read_text().splitlines()))
    assert [{name: row[name] for name in before[0]} for row in rows] == before
    std, measured = run.stage_deviations()
    for row in rows[:: len(rows) // 7]:
        at = (int(row["stage"]), int(row["y"]), int(row["x"]))
        assert float(row["std"]) == pytest.approx(std[at], rel=1e-5)
        hours = 12.0 / len(run.fields)
        assert float(row["std_x_km_per_h"]) == pytest.approx(std[at] * 0.2 / hours, rel=1e-5)
        assert row["measured"] == str(int(measured[at]))


def test_files_with_deviations_need_a_dataset_with_them(run: Dynamics, tmp_path: Path) -> None:
    for name in ("a.nc", "a.csv"):
        with pytest.raises(ExportError, match="std=True"):
            export(run.to_xarray(), tmp_path / name, std=True)
        assert not (tmp_path / name).exists()


def test_the_command_line_computes_deviations(run: Dynamics, tmp_path: Path) -> None:
    folder = run.save(tmp_path / "run")
    target = tmp_path / "out.nc"
    assert main(["export", str(folder), "-o", str(target), "--std", "--times", "0,0.4,1"]) == 0
    with xr.open_dataset(target) as read:
        np.testing.assert_allclose(read.fraction, [0, 0.4, 1])
        found = read.frames_standard_deviation.values
    np.testing.assert_allclose(found, run.frame_std([0, 0.4, 1]), rtol=1e-5, atol=1e-5)
