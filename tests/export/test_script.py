"""Names and reports of others stay data in the exported script."""

from __future__ import annotations

import ast
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.core.helpers import finished, moved, small_settings
from tests.core.observations.known.helpers import table

from napari_latentdyn.cli.runs import observe, report_of
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.observations.images import read_image
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.evidence import doubts, gains
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export
from napari_latentdyn.export.script import script_text
from napari_latentdyn.settings import Settings

CODE = "__import__('pathlib').Path('INJECTED').touch()"
ENDS = ['"""', "'''", '"', "'", "", "\\", '\\"""', "\\'", '"""\\', "}", "{", "{0}", "]", ")"]
BREAKS = ["\r\n", "\r", "\x0c", "\u2028", "\x85", ";", "\\\n"]
HOSTILE = [
    *(f"{end}\n{CODE}\n{end}" for end in ENDS),
    *(f"{end}{line}{CODE}{line}{end}" for line in BREAKS for end in ('"""', "'", "")),
    *(f"{end})\n{CODE}\n({end}" for end in ("'", '"', '"""', "}", "]")),
    f"{{{CODE}}}",
    f"\x00\n{CODE}",
    f"\ud800'\n{CODE}\n'\udfff",
    f"# coding: utf-7\n{CODE}",
    f"'\n{CODE}\n#",
    "{name!r}",
    "%(default)s %(prog)s %d %",
    "\u202e reversed",
    "\udc80 lone surrogate",
    "海氷 \U0001f9ca",
    "back\\slash\\",
    "\\N{DIGIT ONE}\\u0027\\x27",
    'tr"""iple',
    "../../etc/passwd",
    "-again",
    "x" * 79 + "\\",
    "x" * 10_000,
    "",
]
TEXT = st.text(st.characters(), max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


Run = tuple[Settings, dict[str, Any], str, Path]


def hostile(text: str, *, files: bool) -> Run:
    """A run of which every field holds a text; its images are files, or in its folder."""
    end = {"name": text, "sha256": text, "geo": {"crs_wkt": text, "transform": [text]}, text: text}
    if files:
        end |= {"path": text, "mask": text}
    report: dict[str, Any] = {
        "version": text,
        "inputs": [end, end],
        "placement": {"units": [text, text], text: text},
        text: text,
    }
    # Half a character is refused where settings are read.
    start = "/" + text.encode("utf-8", "replace").decode("utf-8")
    settings = Settings().updated({"training.start_from": start})
    return settings, report, text, Path(f"/{text}")


def shape(text: str) -> str:
    """The structure of a script without the values of its constants."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value, node.kind = 0, None
    return ast.dump(tree)


def names_of(text: str) -> dict[str, Any]:
    """What a script defines, which is run as by `import`."""
    names: dict[str, Any] = {"__name__": "again"}
    exec(compile(text, "again.py", "exec"), names)
    return names


def test_there_are_enough_of_them():
    assert len(set(HOSTILE)) >= 50


@pytest.mark.parametrize("files", [True, False], ids=["files", "folder"])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_changes_constants_alone(tmp_path, monkeypatch, text, files):
    monkeypatch.chdir(tmp_path)
    settings, report, name, folder = hostile(text, files=files)
    made = script_text(settings, report, name, folder)
    assert made.isascii()
    benign = script_text(*hostile("plain", files=files))
    assert shape(made) == shape(benign)
    assert ast.get_docstring(ast.parse(made)) == ast.get_docstring(ast.parse(benign))
    names = names_of(made)
    assert names["NAME"] == names["VERSION"] == text
    assert names["INPUTS"] == report["inputs"]
    assert names["PLACEMENT"] == report["placement"]
    assert names["SETTINGS"] == settings
    given = [text, text] if files else []
    assert names["IMAGES"] == names["MASKS"] == given
    assert names["TIMES"] == [0.0, 1.0]
    assert names["RUN"] == f"/{text}"
    assert names["OUTPUT"].endswith("-again")
    assert not names["OUTPUT"].startswith(("-", "."))
    assert Path(names["OUTPUT"]).name == names["OUTPUT"]
    assert list(tmp_path.iterdir()) == []


@given(text=TEXT, files=st.booleans())
@hypothesis_settings(max_examples=40, deadline=None)
def test_any_text_changes_constants_alone(text, files):
    made = script_text(*hostile(text, files=files))
    assert shape(made) == shape(script_text(*hostile("plain", files=files)))


@given(version=JSON, inputs=JSON, end=JSON, placement=JSON)
@hypothesis_settings(max_examples=40, deadline=None)
def test_any_report_changes_constants_alone(version, inputs, end, placement):
    without = shape(script_text(Settings(), {}, "run", Path("run")))
    for said in (inputs, [end, end]):
        report = {"version": version, "inputs": said, "placement": placement}
        made = script_text(Settings(), report, "run", Path("run"))
        assert shape(made) == without
        assert len(names_of(made)["INPUTS"]) == 2


@pytest.mark.parametrize("placement", ["deep", "long"])
def test_a_report_that_cannot_be_written_down(placement):
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    report = {"placement": deep if placement == "deep" else 10**5000}
    with pytest.raises(ExportError, match="nested too deep or are too long"):
        script_text(Settings(), report, "run", Path("run"))


def test_a_script_makes_a_series_again(tmp_path, monkeypatch, capsys):
    at, times = moved((4.0, -2.0)), [10.0, 11.0, 13.0]
    files = [tmp_path / f"{time:g}.tif" for time in times]
    for file, time in zip(files, times, strict=True):
        tifffile.imwrite(file, at(time - times[0]).astype(np.float32))
    images = [read_image(str(file)) for file in files]
    observations = Observations.from_arrays(*(image.array for image in images), times=times)
    sources = [{"name": image.name, "path": image.path} for image in images]
    settings = small_settings(training__steps=2, output__frames=1)
    _, made = finished(fit(observations.described(None, sources), settings))
    run = made.save(tmp_path / "run")
    script = export(made.to_xarray(), tmp_path / "again.py").read_text(encoding="utf-8")
    assert f"IMAGES = {[str(file) for file in files]}" in script
    assert "TIMES = [10.0, 11.0, 13.0]" in script
    monkeypatch.chdir(tmp_path)
    main = names_of(script)["main"]
    main(["-o", "second"])
    for name in ("frames.ome.tif", "fields.npz", "model.safetensors"):
        assert (tmp_path / "second" / name).read_bytes() == (run / name).read_bytes(), name
    with pytest.raises(SystemExit) as left:
        main([str(file) for file in files[:2]])
    assert left.value.code == 2
    assert "give 3 images, or none; got 2" in capsys.readouterr().err


def test_regions_and_tracks_come_from_the_run_folder() -> None:
    inputs = [{"path": f"{name}.tif"} for name in "ab"]
    for known, images in ((None, ["a.tif", "b.tif"]), ({"masks": 1}, [])):
        text = script_text(Settings(), {"inputs": inputs, "known": known}, "run", Path("run"))
        assert f"IMAGES = {images!r}" in text


def test_regions_and_tracks_hold_for_images_that_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of other sizes are refused, and so are all without the run folder."""
    monkeypatch.chdir(tmp_path)
    at = moved((4.0, -2.0))
    files = {"a": at(0), "b": at(1), "c": at(2), "low": at(0)[:48], "small": at(1)[:48]}
    for name, array in files.items():
        tifffile.imwrite(f"{name}.tif", array.astype(np.float32))
    corners = enumerate([(39.5, 39.5), (39.5, 49.5), (49.5, 49.5), (49.5, 39.5)])
    heading = "index,shape-type,vertex-index,axis-0,axis-1"
    cloud = table(
        tmp_path / "cloud.csv", heading, *[f"0,rectangle,{k},{y},{x}" for k, (y, x) in corners]
    )
    land = np.zeros((64, 64), bool)
    land[:9] = True
    buoys = Tracks.landmarks([[30, 30], [20, 20]], [[34, 28], [24, 18]]).hold_back(0.5)
    known = Knowledge(Regions.from_masks(still=land), buoys, ({"role": "still", "name": "x"},))
    images = [read_image(f"{name}.tif") for name in "ab"]
    settings = small_settings(training__steps=0, output__frames=1)
    seen = observe(images, [cloud] * 2, settings).with_knowledge(known)
    sources = [report_of(image, cloud) for image in images]
    _, made = finished(fit(seen.described(None, sources), settings))
    run = made.save(tmp_path / "run")
    script = export(made.to_xarray(), tmp_path / "again.py").read_text(encoding="utf-8")
    names = names_of(script)
    main = names["main"]

    # The same images, from the run folder and given.
    assert names["read_images"]([]).same_as(seen)
    assert names["read_images"](["a.tif", "b.tif"]).same_as(seen)
    main(["b.tif", "c.tif", "-o", "other"])
    other = Dynamics.load("other")
    told = (*gains(other.report), *doubts(other.report))
    assert "held back" in " ".join(told)
    assert capsys.readouterr().err.endswith("\n".join(("", *told, "")))
    assert other.observations.known.same_as(known)
    assert other.observations.known.sources == known.sources
    assert (~other.observations.valid).sum(axis=(1, 2)).tolist() == [100, 100]
    assert [source.name for source in other.report.inputs] == ["b.tif", "c.tif"]
    assert other.report.held_back is not None

    names["MASKS"].clear()
    with pytest.raises(SystemExit, match=r"size 64 x 64 of those of the run; got 48 x 64; --with"):
        main(["low.tif", "small.tif", "-o", "none"])
    run.rename("gone")
    with pytest.raises(SystemExit, match="the regions and tracks of the run cannot be used: there"):
        main(["b.tif", "c.tif", "-o", "none"])
    assert not Path("none").exists()
    main(["b.tif", "c.tif", "-o", "none", "--without-known"])
    assert Dynamics.load("none").observations.known.is_empty


def test_without_files_a_script_takes_the_images_of_the_run_folder(run_data, tmp_path):
    script = export(run_data, tmp_path / "again.py").read_text(encoding="utf-8")
    names = names_of(script)
    assert (names["IMAGES"], names["TIMES"]) == ([], [0.0, 1.0])
    kept = Dynamics.load(run_data.encoding["source"]).observations
    assert names["read_images"](names["IMAGES"]).same_as(kept)


@pytest.mark.skipif(sys.platform == "win32", reason="such names are not allowed there")
@pytest.mark.parametrize("text", [f'"""\n{CODE}\n"""', f"'\\\n{CODE}#\u6d77{{}}"])
def test_the_run_folder_of_somebody_else(run_data, tmp_path, monkeypatch, capsys, text):
    """Its name, its report and the files that it names; and the script is run."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / text
    shutil.copytree(run_data.encoding["source"], folder)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    report["version"] = text
    report["inputs"] = [{"path": text, "mask": text, "name": text}] * 2
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    script = export(Dynamics.load(folder).to_xarray(), tmp_path / "again.py")
    main = names_of(script.read_text(encoding="utf-8"))["main"]
    with pytest.raises(SystemExit, match=r"there is no file|is a folder"):
        main([])
    # Before anything is read.
    for output in ("x" * 256, "again.py/a", "a\0b", "again.py"):
        with pytest.raises(SystemExit) as left:
            main(["-o", output])
        assert left.value.code == 2
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    assert "Makes a result of napari-latentdyn again" in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == sorted([folder, script])
