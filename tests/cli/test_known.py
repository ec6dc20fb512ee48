"""Known regions, tracks and landmarks of the command ``run``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
import xarray
from scipy import ndimage
from tests.core.observations.known.helpers import TRANSFORM, degrees, geojson, table

from napari_latentdyn.core.dynamics.result import Dynamics

QUICK = ("--preset", "quick", "--threads", "1", "--frames", "1")
DATES = ("--times-of-images", "2024-03-01T00:00,2024-03-01T12:00")
SCENE = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(60, 60)), 2)
BOX = [[-0.5, -0.5], [-0.5, 9.5], [9.5, 9.5], [9.5, -0.5], [-0.5, -0.5]]


def image(shift: int) -> np.ndarray:
    return SCENE[6 + shift : 54 + shift, 6:54].astype(np.float32)


def write(path: Path, mask: np.ndarray) -> Path:
    tifffile.imwrite(path, mask.astype(np.uint8))
    return path


@pytest.fixture
def polar(tmp_path):
    """Two images in polar stereographic projection that move by (-2, 0)."""
    a, b, c, d, e, f = TRANSFORM
    place = {"crs": "EPSG:3413", "transform": rasterio.Affine(a, b, c, d, e, f)}
    shape = {"height": 48, "width": 48, "count": 1, "dtype": "float32"}
    names = [tmp_path / f"{name}.tif" for name in "ab"]
    for name, shift in zip(names, (0, 2), strict=True):
        with rasterio.open(name, "w", driver="GTiff", **shape, **place) as file:
            file.write(image(shift), 1)
    return names


@pytest.fixture
def known(tmp_path):
    """Flags of a coast, four buoys with dates, one of which is far away, and two landmarks."""
    rows = []
    for buoy, start in enumerate(([20, 30], [25, 30], [30, 30], [30, 500])):
        for step in range(3):
            longitude, latitude = degrees([start[0] - step, start[1]])[0]
            when = f"2024-03-01T{6 * step:02d}:00"
            rows.append(f"B{buoy},{when},{latitude:.9f},{longitude:.9f},20")
    return (
        *("--still", geojson(tmp_path / "coast.geojson", ("Polygon", [degrees(BOX)], {}))),
        *("--tracks", table(tmp_path / "buoys.csv", "buoy,date,lat,lon,error", *rows)),
        *(
            "--landmarks",
            table(tmp_path / "marks.csv", "y0,x0,y1,x1", "30,20,28,20", "35,24,33,24"),
        ),
    )


def test_a_settings_file_names_what_is_known(call, polar, known, tmp_path):
    groups = {
        "known": {
            "still": "coast.geojson",
            "roi": [],
            "tracks": ["buoys.csv"],
            "landmarks": str(tmp_path / "marks.csv"),
            "hold_back": 1,
        },
        "model": {"stages": 3},
    }
    (tmp_path / "drift.json").write_text(json.dumps(groups))
    flags = ("--settings", tmp_path / "drift.json", *DATES, *QUICK)
    # Relative paths start from the folder of the file, and not from the current one.
    answer = call("run", *polar, "-o", tmp_path / "out", *flags)
    assert answer.code == 0, answer.err
    by_file = Dynamics.load(tmp_path / "out")
    assert by_file.settings.model.stages == 3
    by_flags = call(
        *("run", *polar, "-o", tmp_path / "flags", "--hold-back", "1", *known, *DATES, *QUICK)
    )
    assert by_flags.code == 0
    answers = (answer, by_flags)
    told = [[line for line in one.err.splitlines() if "Known:" in line] for one in answers]
    assert told[0] == told[1] != []
    kept = json.loads((tmp_path / "out" / "report.json").read_text())["known"]
    assert kept == json.loads((tmp_path / "flags" / "report.json").read_text())["known"]
    # A flag goes before the file, and a run folder does not bring its land along.
    land = geojson(tmp_path / "other.geojson", ("Polygon", [degrees(BOX)], {}))
    answer = call("run", *polar, "-o", tmp_path / "third", *flags, "--still", land)
    assert answer.code == 0, answer.err
    sources = json.loads((tmp_path / "third" / "report.json").read_text())["known"]["sources"]
    assert [one["name"] for one in sources if one["role"] == "still"] == ["other.geojson"]
    assert "known" not in json.loads((tmp_path / "out" / "settings.json").read_text())


@pytest.mark.parametrize(
    ("group", "says"),
    [
        ({"stil": "coast.tif"}, "known: there is no setting 'stil'; did you mean 'still'?"),
        ({"still": 3}, "known: still: must be a path or a list of paths; got 3."),
        ({"still": ""}, "known: still"),
        ({"still": "nowhere.tif"}, "there is no file"),
        ({"hold_back": -1, "still": "a.tif"}, "known: hold_back"),
        (7, "known:"),
    ],
)
def test_a_wrong_group_of_a_settings_file(call, polar, tmp_path, group, says):
    (tmp_path / "mine.json").write_text(json.dumps({"known": group}))
    answer = call(
        "run", *polar, "-o", tmp_path / "out", "--settings", tmp_path / "mine.json", *QUICK
    )
    assert says in answer.sentence()
    assert not (tmp_path / "out").exists()


def test_other_commands_refuse_the_group(call, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps({"known": {"still": "coast.tif"}}))
    answer = call("demo", "-o", tmp_path / "out", "--settings", tmp_path / "mine.json")
    assert "is used by the command run alone" in answer.sentence()


def test_files_on_the_earth(call, polar, known, tmp_path):
    out, more = tmp_path / "run", tmp_path / "more"
    answer = call("run", *polar, "-o", out, *QUICK, *DATES, *known, "--hold-back", "2")
    assert answer.code == 0, answer.err
    assert "Known: 1 mask, 3 tracks, 2 landmarks, 2 held back.\n" in answer.err
    assert "1 track of buoys.csv does not meet the images in place and time" in answer.err
    told = json.loads((out / "report.json").read_text())["known"]
    assert told["regions"] == {"still": 100 / 48**2}
    assert [(file["role"], file["name"]) for file in told["sources"]] == [
        ("still", "coast.geojson"),
        ("tracks", "buoys.csv"),
        ("landmarks", "marks.csv"),
    ]
    tracks = Dynamics.load(out).observations.known.tracks
    np.testing.assert_allclose(tracks.place[:3], [[20, 30], [19, 30], [18, 30]], atol=1e-4)
    np.testing.assert_allclose(tracks.time[:3], [0, 0.5, 1])

    # Frames at other times keep it.
    assert call("apply", out, "-o", more, "--times", "0.25").code == 0
    assert json.loads((more / "report.json").read_text())["known"] == told
    kept = Dynamics.load(more).observations.known
    assert kept.counts() == {"masks": 1, "tracks": 3, "landmarks": 2, "held_back": 2}
    assert [source["name"] for source in kept.sources] == [
        "coast.geojson",
        "buoys.csv",
        "marks.csv",
    ]

    lines = call("info", more).out.splitlines()
    assert "known        1 mask, 3 tracks, 2 landmarks, 2 held back" in lines
    assert "  still      coast.geojson, 4.3 % of the pixels" in lines
    assert "times        0 to 12 hours, 3 frames" in lines

    sentence = call("run", "--resume", out, "--tracks", "x.csv").sentence()
    assert sentence.startswith("--resume uses the regions and tracks of the run folder; leave --t")
    assert "--hold-back" in call("run", "--resume", out, "--hold-back", "1").sentence()


def test_a_series_that_is_sorted_by_its_dates(call, tmp_path):
    """Files for each image are in the order of the images as they were given."""
    images, walls = [], []
    for day, shift in ((3, 4), (1, 0), (2, 2)):
        images.append(tmp_path / f"202403{day:02d}.tif")
        tifffile.imwrite(images[-1], image(shift))
        wall = np.zeros((48, 48), np.uint8)
        wall[10 * day] = 1
        walls.append(tmp_path / f"wall{day}.tif")
        tifffile.imwrite(walls[-1], wall)
    track = table(
        tmp_path / "a.csv", "id,time,y,x", "1,2024-03-01T12:00,20,20", "1,2024-03-03,17,20"
    )
    arguments = ("run", *images, "-o", tmp_path / "run", *QUICK, "--times-pattern", "%Y%m%d")
    answer = call(*arguments, "--wall", *walls, "--tracks", track)
    assert answer.code == 0, answer.err
    found = Dynamics.load(tmp_path / "run").observations.known
    assert [np.flatnonzero(plane[:, 0]).tolist() for plane in found.regions.wall] == [
        [10],
        [20],
        [30],
    ]
    assert found.tracks.time.tolist() == [0.5, 2]


def test_dates_of_a_netcdf(call, tmp_path):
    data = xarray.DataArray(
        np.stack([image(0), image(1), image(2)]),
        dims=("time", "y", "x"),
        coords={"time": ("time", [0, 6, 12], {"units": "hours since 2024-03-01"})},
        name="ice",
    )
    data.to_netcdf(tmp_path / "series.nc")
    track = table(
        tmp_path / "a.csv", "id,time,y,x", "1,2024-03-01T03:00,20,20", "1,2024-03-01T09:00,19,20"
    )
    answer = call("run", tmp_path / "series.nc", "-o", tmp_path / "run", *QUICK, "--tracks", track)
    assert answer.code == 0, answer.err
    run = Dynamics.load(tmp_path / "run")
    hours = run.observations.known.tracks.time * run.interval[0]
    np.testing.assert_allclose(hours, [3, 9])


def test_rigid_bodies_keep_their_labels(call, polar, tmp_path):
    labels = np.zeros((48, 48), np.uint8)
    labels[5:20, 5:20], labels[25:40, 25:40] = 3, 200
    tifffile.imwrite(tmp_path / "floes.tif", labels)
    answer = call("run", *polar, "-o", tmp_path / "run", *QUICK, "--rigid", tmp_path / "floes.tif")
    assert answer.code == 0, answer.err
    assert "Known: 1 mask.\n" in answer.err
    found = Dynamics.load(tmp_path / "run").observations.known.regions.rigid
    np.testing.assert_array_equal(found, labels[None])


def test_tracks_that_disagree_are_a_warning(call, polar, tmp_path):
    """A landmark that is wrong, and a track whose last position has y and x swapped."""
    marks = table(tmp_path / "m.csv", "y0,x0,y1,x1", "30,20,28,20", "35,24,33,39", "12,30,10,30")
    track = table(tmp_path / "t.csv", "buoy,t,y,x", "K9,0,20,30", "K9,1,30,18")
    out = tmp_path / "run"
    answer = call(
        *("run", *polar, "-o", out, *QUICK, "--quiet", "--landmarks", marks, "--tracks", track)
    )
    assert answer.code == 0
    told = answer.err.splitlines()[-1]
    assert told.startswith("2 of 4 tracks and landmarks disagree with the result: ")
    assert "track K9 at (20.0, 30.0) by 1" in told
    assert "landmark 1 at (35.0, 24.0) by 15" in told
    assert told.endswith("Check the positions, the order of y and x, and the uncertainties.")
    found = json.loads((out / "report.json").read_text())["compared"]["tracks"]
    assert [one["agrees"] for one in found] == [False, True, False, True]
    assert [one["name"] for one in found] == ["K9", "0", "1", "2"]
    lines = call("info", out).out.splitlines()
    assert f"result       {told}" in lines
    assert any("2 of 4 tracks and landmarks agree with the result" in line for line in lines)
    assert call("export", out, "-o", tmp_path / "a.nc").code == 0
    with xarray.open_dataset(tmp_path / "a.nc") as read:
        assert read.attrs["known"] == "1 track, 3 landmarks"
        assert read.attrs["known_sources"] == "tracks: t.csv; landmarks: m.csv"
        assert told in read.attrs["known_tracks"]


def test_good_landmarks_are_told_and_are_no_warning(call, polar, tmp_path):
    marks = table(tmp_path / "m.csv", "y0,x0,y1,x1", "30,20,28,20", "35,24,33,24")
    arguments = ("run", *polar, "-o", tmp_path / "run", *QUICK, "--landmarks", marks)
    answer = call(*arguments)
    assert "2 landmarks agree with the result: the error is 0." in answer.err
    assert "disagree" not in answer.err
    assert call(*arguments, "--quiet", "--overwrite").err == "Known: 2 landmarks.\n"


def test_a_preset_that_does_not_match(call, polar, tmp_path):
    marks = table(tmp_path / "m.csv", "y0,x0,y1,x1", "30,20,28,20")
    paper = ("run", *polar, "-o", tmp_path / "run", "--preset", "paper", "--steps", "1")
    small = ("--frames", "1", "--patch-size", "32", "32", "--threads", "1")
    answer = call(*paper, *small, "--landmarks", marks)
    assert answer.code == 0, answer.err
    assert "Tracks and landmarks have no part in the result, because these settings" in answer.err
    labels = write(tmp_path / "floes.tif", np.eye(48))
    sentence = call(*paper, *small, "--rigid", labels, "--overwrite").err.splitlines()[-1]
    assert "rigid bodies need matched initial fields" in sentence
    assert sentence.endswith("Choose another preset, or leave the rigid bodies out.")
    assert "physics.constraint" not in sentence


def test_missing_pixels_are_drawn(call, polar, tmp_path):
    """Outlines of missing pixels are read like those of regions."""
    box = [[19.6, 19.6], [19.6, 29.4], [25.4, 29.4], [25.4, 19.6]]
    lines = [f"0,polygon,{k},1,{y},{x}" for k, (y, x) in enumerate(box)]
    name = table(tmp_path / "a.csv", "index,shape-type,vertex-index,axis-0,axis-1,axis-2", *lines)
    coast = geojson(tmp_path / "coast.geojson", ("Polygon", [degrees(BOX)], {}))
    for mask, counts in ((name, [0, 60]), (coast, [100, 100])):
        out = tmp_path / "run"
        answer = call("run", *polar, "-o", out, *QUICK, "--mask", mask, "--overwrite")
        assert answer.code == 0, answer.err
        assert "Known: 1 mask.\n" in answer.err
        lines = call("info", out).out.splitlines()
        assert "known        1 mask" in lines
        assert f"  missing    {Path(mask).name}" in lines
        missing = ~Dynamics.load(out).observations.valid
        assert missing.sum(axis=(1, 2)).tolist() == counts


def test_outlines_beside_the_images_are_explained(call, polar, tmp_path):
    """Missing pixels may lie beside the images, such as of a map of all land."""
    turned = geojson(tmp_path / "turned.geojson", ("Polygon", [degrees(BOX)[:, ::-1]], {}))
    far = geojson(tmp_path / "far.geojson", ("Polygon", [degrees(BOX) - [0, 9]], {}))
    out = tmp_path / "run"
    for file, told in (
        (turned, "the order of longitude and latitude seems swapped."),
        (far, "images have the reference system WGS 84 / NSIDC Sea Ice Polar Stereographic North."),
    ):
        arguments = ("run", *polar, "-o", out, *QUICK, "--overwrite")
        sentence = call(*arguments, "--still", file).sentence()
        assert sentence.startswith(f"{file} must mark at least one pixel of the images; got none: ")
        assert sentence.endswith(told)
        answer = call(*arguments, "--mask", file)
        assert answer.code == 0
        line = next(line for line in answer.err.splitlines() if file in line)
        assert line.startswith("No pixel of the images lies in ")
        assert line.endswith(told)
