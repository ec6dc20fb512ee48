"""Tables and arrays."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import rasterio
from tests.export.conftest import report_of
from tests.export.helpers import changed

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export, make_dataset
from napari_latentdyn.export.look import Arrows, bar_length


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    return dict(zip(head, np.array(rows, dtype=float).T, strict=True))


def test_fields_with_units_in_the_names(data, parts, tmp_path):
    table = read(export(data, tmp_path / "a.csv", spacing=6))
    assert list(table) == [
        *("stage", "time", "y", "x", "dy", "dx", "speed"),
        *("time_h", "y_km", "x_km"),
        *("velocity_y_km_per_h", "velocity_x_km_per_h", "speed_km_per_h"),
    ]
    assert len(table["stage"]) == 4 * 4 * 6
    stage, y, x = (table[name].astype(int) for name in ("stage", "y", "x"))
    np.testing.assert_allclose(table["dy"], parts["velocity"][stage, 0, y, x], rtol=1e-6)
    np.testing.assert_allclose(table["dx"], parts["velocity"][stage, 1, y, x], rtol=1e-6)
    np.testing.assert_allclose(table["time_h"], 3 * (stage + 0.5))
    np.testing.assert_allclose(table["x_km"], 7 + 0.2 * x)
    np.testing.assert_allclose(table["velocity_x_km_per_h"], table["dx"] * 0.2 / 3, rtol=1e-6)
    np.testing.assert_allclose(
        table["speed_km_per_h"], np.hypot(table["dy"] * 0.1, table["dx"] * 0.2) / 3, rtol=1e-6
    )
    assert set(np.diff(np.unique(y))) == {6}


def test_every_pixel_but_missing_ones(data, parts, tmp_path):
    velocity = parts["velocity"].copy()
    velocity[0, :, :3] = np.nan
    table = read(export(changed(parts, velocity=velocity), tmp_path / "a.csv", spacing=1))
    assert len(table["stage"]) == 4 * 24 * 36 - 3 * 36
    with pytest.raises(ExportError, match="must be at least 1 pixel; got 0"):
        export(data, tmp_path / "b.csv", spacing=0)


def test_tracks_that_are_there(parts, tmp_path):
    tracks = np.array([[4, 0.0, 2.5, 3.0], [4, 0.5, 4.5, 0.0]])
    table = read(export(changed(parts, tracers=tracks), tmp_path / "a.tracks.csv"))
    assert list(table) == ["id", "time", "y", "x", "time_h", "y_km", "x_km"]
    np.testing.assert_allclose(table["id"], [4, 4])
    np.testing.assert_allclose(table["time_h"], [0, 6])
    np.testing.assert_allclose(table["y_km"], [5.25, 5.45])
    np.testing.assert_allclose(table["x_km"], [7.6, 7.0])


def test_tracks_along_the_fields(parts, tmp_path):
    velocity = np.zeros_like(parts["velocity"])
    velocity[:, 0], velocity[:, 1] = 1.0, -0.5
    steady = changed(parts, velocity=velocity)
    table = read(export(steady, tmp_path / "a.tracks.csv", spacing=6))
    for track in np.unique(table["id"]):
        own = table["id"] == track
        y, x, time = (table[name][own] for name in ("y", "x", "time"))
        np.testing.assert_allclose(y - y[0], 4 * time, atol=1e-6)
        np.testing.assert_allclose(x - x[0], -2 * time, atol=1e-6)
    assert table["y"].max() <= 23


def test_tracks_follow_a_rotation(tmp_path):
    y, x = np.mgrid[:65, :65] - 32.0
    omega = np.pi / 2 / 8
    velocity = np.stack([omega * x, -omega * y])[None].repeat(8, axis=0).astype(np.float32)
    turning = make_dataset(frames=np.zeros((2, 65, 65)), times=np.arange(2.0), velocity=velocity)
    table = read(export(turning, tmp_path / "a.tracks.csv", spacing=10))
    # The point that starts 20 pixels to the right of the middle.
    own = table["id"] == table["id"][(table["time"] == 0) & (table["y"] == 32) & (table["x"] == 52)]
    angle = 2 * np.pi * table["time"][own] / 4
    assert len(angle) == 9
    np.testing.assert_allclose(table["y"][own], 32 + 20 * np.sin(angle), atol=1e-4)
    np.testing.assert_allclose(table["x"][own], 32 + 20 * np.cos(angle), atol=1e-4)


def test_tracks_end_at_the_border(tmp_path):
    velocity = np.zeros((4, 2, 20, 20), np.float32)
    velocity[:, 1] = 3.0
    drifting = make_dataset(frames=np.zeros((2, 20, 20)), times=np.arange(2.0), velocity=velocity)
    table = read(export(drifting, tmp_path / "a.tracks.csv", spacing=14))
    starts = table["x"][table["time"] == 0]
    assert starts.tolist() == [2, 16, 2, 16]
    ends = [table["time"][table["id"] == number].max() for number in range(4)]
    assert ends == [1.0, 0.25, 1.0, 0.25]


def test_without_fields(parts, tmp_path):
    bare = changed(parts, velocity=None)
    for name in ("a.csv", "a.tracks.csv"):
        with pytest.raises(ExportError, match="needs velocities"):
            export(bare, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_degrees_make_no_speed(geo_data, geo_parts, tmp_path):
    geo = {
        "crs_wkt": rasterio.crs.CRS.from_epsg(4326).to_wkt(),
        "transform": [0.1, 0, 10, 0, -0.1, 80],
        "units": "degree",
    }
    report = report_of({"name": "a.tif", "geo": geo}, {"name": "b.tif"})
    there = changed(geo_parts, report=report)
    names = export(there, tmp_path / "a.csv").read_text().splitlines()[0].split(",")
    assert "velocity_x_degree_per_h" in names
    assert not any(name.startswith("speed_") for name in names)
    arrows = Arrows.of(there)
    assert arrows.unit == "px/h"
    moved = np.hypot(*np.moveaxis(arrows.moved, 1, 0))
    np.testing.assert_allclose(arrows.speed, moved * 4 / 12, rtol=1e-5)
    there = Arrows.of(geo_data)
    assert there.unit == "m/h"
    np.testing.assert_allclose(there.speed, moved * 100 * 4 / 12, rtol=1e-5)
    assert bar_length(changed(geo_parts, report=report))[1].endswith("° of longitude")
