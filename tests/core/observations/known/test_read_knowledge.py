"""All files of the user together."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.core.helpers import moved
from tests.core.observations.known.helpers import POLAR, SHAPE, TRANSFORM, table

from napari_latentdyn import ImageSpace, read_knowledge
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings import ImageSettings


@pytest.fixture
def files(tmp_path: Path) -> dict[str, list[str]]:
    land = np.zeros(SHAPE, np.uint8)
    land[:5] = 1
    tifffile.imwrite(tmp_path / "land.tif", np.stack([land, land]), photometric="minisblack")
    rows = [f"{n},{t},{10 + 5 * n},{20 + t}" for n in range(4) for t in (0, 1, 2)]
    far = [f"9,{t},900,20" for t in (0, 1)]
    return {
        "still": [f"{tmp_path}/land.tif:0"],
        "tracks": [
            table(tmp_path / "a.csv", "id,t,y,x", *rows, *far),
            table(tmp_path / "b.csv", "id,t,y,x", *rows[:3]),
        ],
        "landmarks": [table(tmp_path / "c.csv", "y0,x0,y2,x2", "30,40,32,41")],
    }


def test_files_are_joined_and_described(series: ImageSpace, files: dict[str, list[str]]) -> None:
    known = read_knowledge(series, **files)
    assert known.sentence() == "1 mask, 5 tracks, 1 landmark"
    assert [source["role"] for source in known.sources] == [
        "still",
        "tracks",
        "tracks",
        "landmarks",
    ]
    land, first, *_ = known.sources
    assert land["name"] == "land.tif:0"
    assert land["path"] == files["still"][0]
    content = Path(files["tracks"][0]).read_bytes()
    assert first["sha256"] == hashlib.sha256(content).hexdigest()
    assert [source.get("left_out") for source in known.sources] == [None, 1, None, None]
    assert read_knowledge(series).is_empty


@pytest.mark.parametrize(("part", "count"), [(0.5, 3), (2, 2), (5, 5), (0.01, 1), (0.99, 5)])
def test_a_part_or_a_number_is_held_back(
    series: ImageSpace, files: dict[str, list[str]], part: float, count: int
) -> None:
    assert read_knowledge(series, **files, hold_back=part).counts()["held_back"] == count


@pytest.mark.parametrize("part", [-1, 6, 2.5, float("nan"), float("inf")])
def test_parts_that_cannot_be_held_back(
    series: ImageSpace, files: dict[str, list[str]], part: float
) -> None:
    with pytest.raises(ObservationError, match=r"a number below that of the tracks; got .* of 6"):
        read_knowledge(series, **files, hold_back=part)


def test_nothing_can_be_held_back_without_tracks(series: ImageSpace) -> None:
    with pytest.raises(ObservationError, match="of 0 tracks"):
        read_knowledge(series, hold_back=0.5)


def test_the_space_of_observations() -> None:
    at, place = moved((5.0, -3.0)), Geometry.from_map(TRANSFORM, POLAR, "metre")
    images = Observations.from_arrays(at(0), at(1))
    start = datetime(2024, 3, 1, tzinfo=UTC)
    settings = ImageSettings(interval=2.0, interval_unit="day")
    space = ImageSpace.of(images, settings, start, place)
    moments: Any = space.moments(["2024-03-01", "2024-03-02T00:00", "2024-03-03T01:00+01:00"], "it")
    np.testing.assert_allclose(moments, [0, 0.5, 1])
    assert ImageSpace.of(images).place is None
    told = [{"geo": place.to_report()}] * 2
    found = ImageSpace.of(images.described(None, told)).place
    assert found is not None
    np.testing.assert_allclose(found.matrix, place.matrix)
