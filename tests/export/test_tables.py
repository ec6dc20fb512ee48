"""Tables and arrays."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export
from napari_latentdyn.export.look import Bar, speed_text, speeds


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    return dict(zip(head, np.array(rows, dtype=float).T, strict=True))


def test_fields_with_units_in_the_names(source, tmp_path):
    table = read(export(source, tmp_path / "a.csv", spacing=6))
    assert list(table) == [
        *("stage", "time", "y", "x", "dy", "dx", "speed"),
        *("time_h", "y_km", "x_km"),
        *("velocity_y_km_per_h", "velocity_x_km_per_h", "speed_km_per_h"),
    ]
    assert len(table["stage"]) == 4 * 4 * 6
    stage, y, x = (table[name].astype(int) for name in ("stage", "y", "x"))
    np.testing.assert_allclose(table["dy"], source.velocity[stage, 0, y, x], rtol=1e-6)
    np.testing.assert_allclose(table["dx"], source.velocity[stage, 1, y, x], rtol=1e-6)
    np.testing.assert_allclose(table["time_h"], 3 * (stage + 0.5))
    np.testing.assert_allclose(table["x_km"], 7 + 0.2 * x)
    np.testing.assert_allclose(table["velocity_x_km_per_h"], table["dx"] * 0.2 / 3, rtol=1e-6)
    np.testing.assert_allclose(
        table["speed_km_per_h"], np.hypot(table["dy"] * 0.1, table["dx"] * 0.2) / 3, rtol=1e-6
    )
    assert set(np.diff(np.unique(y))) == {6}


def test_every_pixel_but_missing_ones(source, tmp_path):
    velocity = source.velocity.copy()
    velocity[0, :, :3] = np.nan
    table = read(export(replace(source, velocity=velocity), tmp_path / "a.csv", spacing=1))
    assert len(table["stage"]) == 4 * 24 * 36 - 3 * 36
    with pytest.raises(ExportError, match="must be at least 1 pixel; got 0"):
        export(source, tmp_path / "b.csv", spacing=0)


def test_tracks_that_are_there(source, tmp_path):
    tracks = np.array([[4, 0.0, 2.5, 3.0], [4, 0.5, 4.5, 0.0]])
    table = read(export(replace(source, tracks=tracks), tmp_path / "a.tracks.csv"))
    assert list(table) == ["id", "time", "y", "x", "time_h", "y_km", "x_km"]
    np.testing.assert_allclose(table["id"], [4, 4])
    np.testing.assert_allclose(table["time_h"], [0, 6])
    np.testing.assert_allclose(table["y_km"], [5.25, 5.45])
    np.testing.assert_allclose(table["x_km"], [7.6, 7.0])


def test_tracks_along_the_fields(source, tmp_path):
    velocity = np.zeros_like(source.velocity)
    velocity[:, 0], velocity[:, 1] = 1.0, -0.5
    steady = replace(source, velocity=velocity)
    table = read(export(steady, tmp_path / "a.tracks.csv", spacing=6))
    for track in np.unique(table["id"]):
        own = table["id"] == track
        y, x, time = (table[name][own] for name in ("y", "x", "time"))
        np.testing.assert_allclose(y - y[0], 4 * time, atol=1e-6)
        np.testing.assert_allclose(x - x[0], -2 * time, atol=1e-6)
    assert table["y"].max() <= 23


def test_arrays(source, tmp_path):
    with np.load(export(source, tmp_path / "a.npz"), allow_pickle=False) as file:
        for name in ("frames", "times", "velocity"):
            np.testing.assert_array_equal(file[name], getattr(source, name))
        np.testing.assert_allclose(file["field_times"], [0.125, 0.375, 0.625, 0.875])
        np.testing.assert_allclose(file["matrix"] @ [2, 5, 1], [5.2, 8, 1])
        about = json.loads(str(file["about"]))
    assert about["interval"] == [12.0, "hour"]
    assert about["settings"]["training"]["seed"] == source.settings.training.seed


def test_without_fields(source, tmp_path):
    bare = replace(source, velocity=source.velocity[:0])
    for name in ("a.csv", "a.tracks.csv"):
        with pytest.raises(ExportError, match="needs fields"):
            export(bare, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_degrees_make_no_speed(geo_source, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    inputs = geo_source.report["inputs"]
    geo = {
        "crs_wkt": rasterio.crs.CRS.from_epsg(4326).to_wkt(),
        "transform": [0.1, 0, 10, 0, -0.1, 80],
        "units": "degree",
    }
    report = {**geo_source.report, "inputs": {**inputs, "first": {"name": "a.tif", "geo": geo}}}
    there = replace(geo_source, report=report)
    names = export(there, tmp_path / "a.csv").read_text().splitlines()[0].split(",")
    assert "velocity_x_degree_per_h" in names
    assert not any(name.startswith("speed_") for name in names)
    assert speed_text(there) == "px/h"
    moved = np.array([[3.0, 4.0]])
    np.testing.assert_allclose(speeds(there, moved), 5.0 * there.stages / 12)
    np.testing.assert_allclose(speeds(geo_source, moved), 500.0 * there.stages / 12)
    assert Bar.of(there).text.endswith("° of longitude")
