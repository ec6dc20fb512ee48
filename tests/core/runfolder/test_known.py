"""Regions and tracks in a run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import small_dynamics
from tests.core.runfolder.helpers import one_sentence
from tests.folders import read_observations

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.runfolder.report import read_report
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.files.archive import write_arrays

Save = Callable[..., Path]
LAND = np.zeros((12, 16), bool)
LAND[:3] = True
KNOWN = Knowledge(
    Regions.from_masks(still=LAND),
    Tracks.from_rows(
        [1, 1, 1, 5, 5],
        [0, 0.5, 1, 0, 1],
        [[5, 5]] * 3 + [[8, 8]] * 2,
        name=["B7"] * 3 + ["Träne"] * 2,
        marked=[False] * 3 + [True] * 2,
    ).hold_back(0.5),
    ({"role": "still", "name": "land.tif", "sha256": "0" * 64},),
)


@pytest.fixture
def folder(tmp_path: Path, save: Save) -> Path:
    small = small_dynamics()
    report = small.report.model_dump() | {"known": KNOWN.to_report()}
    inputs = small.observations.with_knowledge(KNOWN).to_arrays()
    return save(tmp_path / "run", report=report, inputs=inputs)


def change(folder: Path, changed: dict[str, Any]) -> None:
    """Write the inputs with other arrays, None for an array that is missing."""
    with np.load(folder / "inputs.npz") as file:
        arrays = {**file, **changed}
    write_arrays(
        folder / "inputs.npz", {k: np.asarray(v) for k, v in arrays.items() if v is not None}
    )
    report = json.loads((folder / "report.json").read_text())
    report["files"]["inputs.npz"] = (folder / "inputs.npz").stat().st_size
    (folder / "report.json").write_text(json.dumps(report))


def test_it_comes_back(folder: Path) -> None:
    known = Dynamics.load(folder).observations.known
    assert known.sources == KNOWN.sources
    assert known.counts() == KNOWN.counts()
    np.testing.assert_array_equal(known.regions.still, LAND[None])
    for name, array in KNOWN.to_arrays().items():
        np.testing.assert_array_equal(known.to_arrays()[name], array)
    report = read_report(folder).known
    assert report is not None
    assert (report.masks, report.tracks, report.landmarks, report.held_back) == (1, 1, 1, 1)
    assert report.regions == {"still": 0.25}


def test_folders_without_names_and_landmarks_are_read(folder: Path) -> None:
    """Earlier versions counted each track of two positions as a landmark."""
    change(folder, {"track.name": None, "track.marked": None})
    found = read_observations(folder).known.tracks
    assert found is not None
    assert found.name.tolist() == ["1"] * 3 + ["5"] * 2
    assert found.landmark_count == 1
    report = json.loads((folder / "report.json").read_text())
    report["known"] |= {"masks": 3, "tracks": 2, "landmarks": 0}
    (folder / "report.json").write_text(json.dumps(report))
    assert read_observations(folder).known.tracks is not None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"region.still": None}, "other regions or tracks than the report"),
        ({"track.sigma": None}, "other regions or tracks than the report"),
        ({"region.wall": LAND[None]}, "other regions or tracks than the report"),
        ({"region.still": LAND[None, :5]}, "region.still"),
        ({"region.still": LAND[None, None]}, "size of the images"),
        ({"region.still": np.stack([LAND] * 3)}, "one for each of 2 images"),
        ({"region.still": np.ones((1, 12, 16), bool)}, "masks that cover all"),
        ({"region.still": LAND[None].astype(np.float32)}, "region.still"),
        ({"track.time": np.zeros(4)}, "track"),
        ({"track.time": np.full(5, np.nan)}, "must be finite"),
        ({"track.time": np.zeros(5)}, "has two at 0"),
        ({"track.place": np.full((5, 2), 1e9)}, "must lie in the images"),
        ({"track.place": np.zeros((5, 3))}, "track.place"),
        ({"track.track": np.full(5, 1e300)}, "must be whole numbers"),
        ({"track.track": np.full(5, np.inf)}, "must be whole numbers"),
        ({"track.sigma": np.zeros(5)}, "must be positive"),
        ({"track.name": np.full((5, 2), 0xD800, np.uint32)}, "names of tracks must be text"),
        ({"track.name": np.full((5, 2), np.nan)}, "names of tracks must be text"),
        ({"track.name": np.zeros((4, 2), np.uint32)}, "track"),
        ({"track.marked": np.zeros(4, bool)}, "track"),
        ({"track.held": np.array([1, 0, 0, 0, 0], bool)}, "all its positions or with none"),
    ],
)
def test_damage_is_one_sentence(folder: Path, changed: dict[str, Any], told: str) -> None:
    change(folder, changed)
    with pytest.raises(RunFolderError, match=r"inputs\.npz") as error:
        read_observations(folder)
    assert told in one_sentence(error)


@pytest.mark.parametrize(
    "known",
    [
        3,
        {"masks": -1},
        {"masks": "many"},
        {"regions": {"still": 2.0}},
        {"sources": [{"name": "without a role"}]},
        {"sources": [{"role": "still", "left_out": 0.5}]},
    ],
)
def test_a_damaged_report_is_one_sentence(folder: Path, known: Any) -> None:
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**report, "known": known}))
    with pytest.raises(RunFolderError, match="known") as error:
        read_report(folder)
    one_sentence(error)
