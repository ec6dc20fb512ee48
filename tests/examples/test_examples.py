from __future__ import annotations

import re
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from napari_latentdyn.core.baselines import Interpolation

TUTORIALS = {
    "drift-past-land": ("drift", "modis"),
    "rotation-with-cracks": ("rotation", "turning"),
    "new-cracks": ("cracks", "nematic"),
}


@pytest.fixture
def example(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs an example and returns its names."""
    monkeypatch.syspath_prepend(str(root / "examples"))

    def run(name: str, *arguments: str, main: bool = True) -> dict[str, Any]:
        path = str(root / "examples" / name)
        monkeypatch.setattr(sys, "argv", [path, *arguments])
        return runpy.run_path(path, run_name="__main__" if main else "example")

    return run


def table(page: Path, name: str) -> list[list[str]]:
    """Return the cells of a table of a page."""
    found = re.search(rf"<!-- table: {name} -->(.*?)<!-- /table -->", page.read_text(), re.DOTALL)
    assert found is not None
    lines = found[1].strip().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("tutorial", TUTORIALS)
def test_an_example_writes_its_tables_and_pictures(
    tutorial: str, root: Path, tmp_path: Path, example: Any
) -> None:
    page = tmp_path / "docs" / "tutorials" / f"{tutorial}.md"
    page.parent.mkdir(parents=True)
    shutil.copy(root / "docs" / "tutorials" / page.name, page)
    arguments = ["--docs", str(tmp_path / "docs"), "--results", str(tmp_path / "results")]
    script = tutorial.replace("-", "_") + ".py"
    example(script, *arguments, "--methods", "dis", "dissolve")
    for name in TUTORIALS[tutorial]:
        header, _, *rows = table(page, name)
        cells = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
        flow, mixed = cells["optical flow (DIS)"], cells["cross-dissolve"]
        if "PSNR (dB)" in header:
            assert float(flow["PSNR (dB)"]) > float(mixed["PSNR (dB)"]) + 2
        if "explained without motion (%)" in header:
            assert mixed["explained without motion (%)"] == "100"
            assert float(flow["explained without motion (%)"]) < 50
        with Image.open(tmp_path / "docs" / "images" / "tutorials" / f"{name}.webp") as picture:
            assert picture.width == pytest.approx(1044, abs=1)
    again = sorted((tmp_path / "results").iterdir())
    assert len(again) == 4  # Two scenes, two methods: a second run reads them.


def test_tracers_along_the_true_motion_have_no_error(example: Any) -> None:
    names = example("rotation_with_cracks.py", main=False)
    true = names["generated"]
    scene = names["Scene"].from_stack("rotation", true.frames, (0, 0, 8))
    assert names["tracer_error"](1.0, scene, Interpolation(scene.ends, true.velocity)) == "0.00"
    still = Interpolation(scene.ends, 0 * true.velocity)
    assert 5 < float(names["tracer_error"](1.0, scene, still)) < 22
    assert float(names["tracer_error"](0.5, scene, still)) < 11
    assert names["tracer_error"](0.5, scene, Interpolation(scene.ends)) == ""


def test_open_cracks_are_dark_in_the_truth_and_not_in_the_first_image(example: Any) -> None:
    names = example("new_cracks.py", main=False)
    frames = names["generated"].frames[:, None]
    scene = names["Scene"].from_stack("cracks", frames[:, 0], (0, 0, 8))
    assert names["open_water"](scene, Interpolation(frames)) == "100"
    first = Interpolation(frames[[0]].repeat(len(frames), axis=0))
    assert float(names["open_water"](scene, first)) < 25


def test_the_pages_show_all_methods_and_small_pictures(root: Path, example: Any) -> None:
    methods = example("comparison.py", main=False)["METHODS"].values()
    for tutorial, names in TUTORIALS.items():
        page = root / "docs" / "tutorials" / f"{tutorial}.md"
        for name in names:
            rows = [row[0] for row in table(page, name)[2:] if row[0] != "*truth*"]
            assert rows == list(methods)
            picture = root / "docs" / "images" / "tutorials" / f"{name}.webp"
            assert f"../images/tutorials/{name}.webp" in page.read_text()
            assert picture.stat().st_size < 300e3


def test_a_page_without_the_table_is_refused(tmp_path: Path, example: Any) -> None:
    page = tmp_path / "page.md"
    page.write_text("no table")
    with pytest.raises(ValueError, match="must have one table 'drift'; got 0"):
        example("comparison.py", main=False)["write_table"](page, "drift", [{"method": "a"}])
