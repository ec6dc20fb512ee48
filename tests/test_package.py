"""What is promised of the package as a whole: imports, manifest, wheel, documentation."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from npe2 import PluginManifest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import napari_latentdyn
from napari_latentdyn.settings import iter_fields

HEAVY = ("torch", "napari", "qtpy", "PyQt6", "PySide6", "pydantic", "skimage", "scipy", "tifffile")


def python(*arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


# Imports ------------------------------------------------------------------------------------


def test_import_is_fast_and_light():
    code = (
        "import sys, numpy; from time import perf_counter; start = perf_counter(); "
        "import napari_latentdyn; print(perf_counter() - start); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    runs = [python("-c", code).splitlines() for _ in range(3)]
    assert min(float(seconds) for seconds, _ in runs) < 0.05
    assert runs[0][1] == "[]"


@pytest.mark.parametrize(
    "module",
    ["equations", "settings", "viewer.layers", "viewer.samples", "core.runfolder.folder", "cli"],
)
def test_what_needs_no_torch_imports_none(module):
    code = f"import sys, napari_latentdyn.{module}; print('torch' in sys.modules)"
    assert python("-c", code).strip() == "False"


def test_public_names():
    for name in napari_latentdyn.__all__:
        assert getattr(napari_latentdyn, name) is not None
    assert dir(napari_latentdyn) == sorted(napari_latentdyn.__all__)
    assert not hasattr(napari_latentdyn, "nothing_of_this_name")


def test_version():
    assert napari_latentdyn.__version__ == importlib.metadata.version("napari-latentdyn")
    shown = python("-m", "napari_latentdyn", "--version").strip()
    assert shown == f"napari-latentdyn {napari_latentdyn.__version__}"


def test_architecture(root):
    code = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports())"
    python("-c", code, cwd=root)


# Manifest -----------------------------------------------------------------------------------


def test_manifest(root):
    manifest = PluginManifest.from_distribution("napari-latentdyn")
    manifest.validate_imports()
    assert manifest.display_name == "Latent Dynamics"
    link, target = root / "napari.yaml", root / "src" / "napari_latentdyn" / "napari.yaml"
    # git on Windows may write the target of a link as text.
    assert (
        link.resolve() == target or link.read_text().strip() == target.relative_to(root).as_posix()
    )


# Files --------------------------------------------------------------------------------------


def test_wheel(root, tmp_path):
    python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), cwd=root)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < 5e6
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        text = archive.read(entry_points).decode()
        data = [i for i in archive.infolist() if "/data/" in i.filename]
        assert sum(info.compress_size for info in data) < 4e6
    assert "napari-latentdyn = napari_latentdyn.cli:main" in text
    assert "napari-latentdyn = napari_latentdyn:napari.yaml" in text
    samples = ("data/seaice_s1_pair.ome.tif", "data/rain_fmi_series.ome.tif")
    for needed in ("napari.yaml", "py.typed", *samples):
        assert f"napari_latentdyn/{needed}" in names
    assert any("LICENSE-seaice" in name for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"napari_latentdyn"}


def test_dependencies_bring_no_window_system(project):
    named = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert not named & {"pyqt5", "pyqt6", "pyside2", "pyside6"}
    assert all(not Requirement(line).extras for line in project["dependencies"])


def test_constraints_pin_what_is_needed(root, project):
    lines = (root / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"==[\w.]+", str(pin.specifier)) and not pin.url for pin in pins)
    pinned = {canonicalize_name(pin.name): str(pin.specifier) for pin in pins}
    assert pinned["torch"] == "==2.13.0"
    extras = project["optional-dependencies"]
    for line in project["dependencies"] + extras["all"] + extras["test"] + extras["docs"]:
        needed = Requirement(line)
        version = pinned[canonicalize_name(needed.name)].removeprefix("==")
        assert needed.specifier.contains(version), line
    assert not any(name.startswith(("nvidia", "cuda", "triton")) for name in pinned)


def test_commands_of_the_readme_exist(root):
    readme = (root / "README.md").read_text()
    targets = re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), flags=re.MULTILINE)
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", readme, flags=re.MULTILINE))
    assert {"demo", "test"} <= named <= set(targets)
    for path in re.findall(r"\]\((?!https?:)([^)#]+)\)", readme):
        assert (root / path).exists(), path


def test_citation_names_software_and_paper(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert citation["title"].startswith("napari-latentdyn")
    paper = citation["preferred-citation"]
    assert paper["title"] == "Learning In-between Imagery Dynamics via Physical Latent Spaces"
    assert [author["family-names"] for author in paper["authors"]] == ["Han", "Lee", "Gelb"]


def test_workflow_covers_all_systems(root):
    workflow = yaml.safe_load((root / ".github" / "workflows" / "ci.yml").read_text())
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    assert len(matrix["os"]) == len(matrix["python"]) == 3
    assert "test" in workflow["jobs"]["publish"]["needs"]


# Documentation ------------------------------------------------------------------------------


def test_the_page_of_settings_has_all_of_them(root):
    path = root / "docs" / "hooks" / "settings_page.py"
    spec = importlib.util.spec_from_file_location("settings_page", path)
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = hook.on_page_markdown((root / "docs" / "settings.md").read_text())
    for name, field in iter_fields():
        assert f"{{ #{name} }}" in page
        assert field.title in page
        assert field.description in page


def test_every_page_is_in_the_navigation(root):
    navigation = (root / "mkdocs.yml").read_text()
    pages = sorted(path.name for path in (root / "docs").glob("*.md"))
    assert len(pages) >= 10
    for page in pages:
        assert f": {page}\n" in navigation


def test_pages_name_only_flags_and_settings_that_exist(root):
    from napari_latentdyn.cli.parser import build_parser

    parser = build_parser()
    (commands,) = (a for a in parser._actions if hasattr(a, "choices") and a.choices)
    flags = {o for c in commands.choices.values() for a in c._actions for o in a.option_strings}
    text = (root / "docs" / "command-line.md").read_text() + (root / "README.md").read_text()
    flags |= {"--nnodes", "--no-python", "--nproc-per-node"}  # Of torchrun.
    for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
        assert flag in flags, flag
    names = {name for name, _ in iter_fields()}
    for page in (root / "docs").glob("*.md"):
        for name in re.findall(r"settings\.md#([\w.]+)", page.read_text()):
            assert name in names, f"{page.name}: {name}"


@pytest.mark.parametrize("page", ["README.md", "docs/prior.md"])
def test_what_the_steps_are_worth_is_what_the_benchmark_measured(root, page):
    accuracy = (root / "docs" / "accuracy.md").read_text()
    means = accuracy.partition("\n## Means\n")[2].partition("\n## ")[0]
    text = (root / page).read_text()
    for row in ("the prior alone", "quick", "standard"):
        (figure,) = re.findall(rf"^\| \*\*{row}\*\* \| ([\d.]+) ", means, re.MULTILINE)
        assert f"| {figure} dB |" in text, f"{page}: {row}"
