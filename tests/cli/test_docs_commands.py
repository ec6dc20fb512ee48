"""The commands that README and documentation show are understood, and exports of them run."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from napari_latentdyn.cli import main
from napari_latentdyn.cli.parser import build_parser, parse

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Commands of all pages, but for those that only say what may follow."""
    found: dict[str, None] = {}
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                schematic = re.search(r"\b(FIRST|DIR|RUN)\b|\[", line)
                if line.startswith("napari-latentdyn ") and not schematic:
                    found[" ".join(shlex.split(line)[1:])] = None
    return list(found)


COMMANDS = commands()
#: Those that need nothing but a run folder; the others train, or run every method.
QUICK = [line for line in COMMANDS if line.startswith(("export drift", "apply drift"))]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two GeoTIFFs."""
    rasterio = pytest.importorskip("rasterio")
    folder = tmp_path_factory.mktemp("docs")
    scene = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(60, 60)), 2)
    place = {"crs": "EPSG:3413", "transform": rasterio.Affine(40, 0, 5e5, 0, -40, -1.2e6)}
    for name, shift in (("a", 0), ("b", 2)):
        image = scene[6 + shift : 54 + shift, 6:54].astype(np.float32)
        shape = {"height": 48, "width": 48, "count": 1, "dtype": "float32"}
        with rasterio.open(folder / f"{name}.tif", "w", driver="GTiff", **shape, **place) as file:
            file.write(image, 1)
    images = [str(folder / f"{name}.tif") for name in "ab"]
    target = folder / "drift"
    spans = ["--interval", "6", "--interval-unit", "hour", "--stages", "4"]
    assert main(["run", *images, "-o", str(target), "--preset", "quick", *spans]) == 0
    return target


def test_there_are_commands():
    assert len(COMMANDS) >= 20
    assert len(QUICK) >= 10


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_understood(line: str) -> None:
    arguments = parse(build_parser(), shlex.split(line))
    assert callable(arguments.command)


@pytest.mark.parametrize("line", QUICK)
def test_a_command_on_a_run_folder_runs(
    line: str, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run_folder, tmp_path / "drift")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)
    assert main(words) == 0
    assert (tmp_path / words[words.index("-o") + 1]).exists()
