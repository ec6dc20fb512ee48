"""What the documentation shows of Python runs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.core.helpers import moved
from tests.core.observations.known.helpers import TRANSFORM, degrees, geojson, table

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.knowledge.knowledge import Knowledge

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(page: Path) -> list[tuple[int, str]]:
    """Return the Python of a page with the line at which each piece begins."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start(1)), m.group(1)) for m in BLOCK.finditer(text)]


def run(page: Path, at_least: int, **given: object) -> dict[str, object]:
    """Run all pieces of a page in their order with given names, and return all names."""
    pieces = examples(page)
    assert len(pieces) >= at_least
    names: dict[str, object] = dict(given)
    for line, code in pieces:
        # With its own line numbers a failure points into the page.
        exec(compile("\n" * line + code, str(page), "exec"), names)
    return names


def test_the_page_on_python_runs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = run(root / "docs" / "notebooks.md", 8)
    # The page says that tracers stay within a pixel of the true motion, which is more than that.
    moved = np.asarray(names["true_paths"])[:, [0, -1]]
    assert np.hypot(*np.moveaxis(np.diff(moved, axis=1), -1, 0)).min() > 3
    assert names["lines"]
    assert (tmp_path / "rotation" / "report.json").is_file()


@pytest.mark.parametrize("page", ["drift-past-land", "rotation-with-cracks", "new-cracks"])
def test_a_tutorial_runs_beside_its_images(
    page: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for image in (root / "docs" / "data").glob("*.tif"):
        shutil.copy(image, tmp_path)
    monkeypatch.chdir(tmp_path)
    run(root / "docs" / "tutorials" / f"{page}.md", 3)


def test_the_tutorial_on_series_runs(root: Path) -> None:
    names = run(root / "docs" / "tutorials" / "rain-series.md", 1)
    hidden, known, truth = (names[name] for name in ("hidden", "known", "images"))
    errors = [np.sqrt(np.mean((found - truth[1::2]) ** 2)) for found in (hidden, known)]
    assert errors[0] < 0.8 * errors[1], errors


def test_the_tutorial_on_buoys_runs(root: Path) -> None:
    names = run(root / "docs" / "tutorials" / "ice-with-buoys.md", 2)
    errors = names["errors"]
    assert isinstance(errors, dict)
    assert errors["with coast and buoys"] < 0.3 * errors["images alone"], errors


def test_the_tutorial_on_growth_runs(root: Path) -> None:
    names = run(root / "docs" / "tutorials" / "growing-colonies.md", 2)
    assert isinstance(names["errors"], dict)
    assert names["results"]["auto"].report.equation.name == "growth"


def test_the_page_on_known_motion_runs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    at = moved((5.0, 9.0), (96, 110))
    first, last = at(0).astype(np.float32), at(1).astype(np.float32)
    a, b, c, d, e, f = TRANSFORM
    place = {"crs": "EPSG:3413", "transform": rasterio.Affine(a, b, c, d, e, f)}
    for name, image in (("monday", first), ("tuesday", last)):
        shape = {"height": 96, "width": 110, "count": 1, "dtype": "float32"}
        with rasterio.open(f"{name}.tif", "w", driver="GTiff", **shape, **place) as file:
            file.write(image, 1)
    geojson(Path("coast.geojson"), ("Polygon", [degrees([[0, 0], [90, 0], [90, 30]])], {}))
    rows = [
        f"{buoy},2024-03-{day:02d}T06:00,{latitude:.9f},{longitude:.9f},50"
        for buoy, rows in (("A", [[20, 60], [25, 69]]), ("B", [[60, 80], [65, 89]]))
        for day, (longitude, latitude) in enumerate(degrees(rows), 1)
    ]
    table(Path("buoys.csv"), "buoy,date,lat,lon,sigma", *rows)
    names = run(root / "docs" / "known.md", 2, first=first, last=last)
    known = names["known"]
    assert isinstance(known, Knowledge)
    assert known.sentence() == "1 mask, 2 tracks, 1 held back"
    assert isinstance(names["dynamics"], Dynamics)
    assert names["dynamics"].observations.known.counts() == known.counts()
