"""Names and reports of others stay data in the exported script."""

from __future__ import annotations

import ast
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from napari_latentdyn.core.runfolder.folder import write_run
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export
from napari_latentdyn.export.script import script_text
from napari_latentdyn.export.source import Source
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


def hostile(source: Source, text: str, folder: Path | None) -> Source:
    """The source of which every field holds a text; its images are files, if it has no folder."""
    end = {"name": text, "sha256": text, "geo": {"crs_wkt": text, "transform": [text]}, text: text}
    if folder is None:
        end |= {"path": text, "mask": text}
    report: dict[str, Any] = {
        "version": text,
        "inputs": {"first": end, "last": end},
        "placement": {"units": [text, text], text: text},
        text: text,
    }
    # Half a character is refused where settings are read.
    start = "/" + text.encode("utf-8", "replace").decode("utf-8")
    settings = Settings().updated({"training.start_from": start})
    return replace(source, name=text, report=report, settings=settings, folder=folder)


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


def plain() -> Source:
    velocity = np.zeros((1, 2, 4, 4), np.float32)
    return Source(np.zeros((2, 4, 4)), np.array([0.0, 1.0]), velocity, settings=Settings())


def test_there_are_enough_of_them():
    assert len(set(HOSTILE)) >= 50


@pytest.mark.parametrize("files", [True, False], ids=["files", "folder"])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_changes_constants_alone(tmp_path, monkeypatch, text, files):
    monkeypatch.chdir(tmp_path)
    source = hostile(plain(), text, None if files else Path(f"/{text}"))
    made = script_text(source)
    assert made.isascii()
    benign = script_text(hostile(plain(), "plain", None if files else Path("/plain")))
    assert shape(made) == shape(benign)
    assert ast.get_docstring(ast.parse(made)) == ast.get_docstring(ast.parse(benign))
    names = names_of(made)
    assert names["NAME"] == names["VERSION"] == text
    assert names["INPUTS"] == source.report["inputs"]
    assert names["PLACEMENT"] == source.report["placement"]
    assert names["SETTINGS"] == source.settings
    if files:
        assert [names["FIRST"], names["LAST"], *names["MASKS"]] == [text] * 4
    else:
        assert names["RUN"] == f"/{text}"
    assert names["OUTPUT"].endswith("-again")
    assert not names["OUTPUT"].startswith(("-", "."))
    assert Path(names["OUTPUT"]).name == names["OUTPUT"]
    assert list(tmp_path.iterdir()) == []


@given(text=TEXT, files=st.booleans())
@hypothesis_settings(max_examples=40, deadline=None)
def test_any_text_changes_constants_alone(text, files):
    folder = None if files else Path("run")
    made = script_text(hostile(plain(), text, folder))
    assert shape(made) == shape(script_text(hostile(plain(), "plain", folder)))


@given(version=JSON, inputs=JSON, end=JSON, placement=JSON)
@hypothesis_settings(max_examples=40, deadline=None)
def test_any_report_changes_constants_alone(version, inputs, end, placement):
    source = replace(plain(), folder=Path("run"))
    without = shape(script_text(source))
    for said in (inputs, {"first": end, "last": end}):
        report = {"version": version, "inputs": said, "placement": placement}
        made = script_text(replace(source, report=report))
        assert shape(made) == without
        assert set(names_of(made)["INPUTS"]) == {"first", "last"}


@pytest.mark.parametrize("placement", ["deep", "long"])
def test_a_report_that_cannot_be_written_down(placement):
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    report = {"placement": deep if placement == "deep" else 10**5000}
    with pytest.raises(ExportError, match="nested too deep or are too long"):
        script_text(replace(plain(), report=report, folder=Path("run")))


@pytest.mark.skipif(sys.platform == "win32", reason="such names are not allowed there")
@pytest.mark.parametrize("text", [f'"""\n{CODE}\n"""', f"'\\\n{CODE}#\u6d77{{}}"])
def test_the_run_folder_of_somebody_else(source, tmp_path, monkeypatch, capsys, text):
    """Its name, its report and the files that it names; and the script is run."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / text
    write_run(
        folder,
        frames=source.frames,
        times=source.times,
        velocity=source.velocity,
        field_times=np.arange(4) / 4,
        settings=source.settings,
        report=source.report,
        tensors={"weight": np.zeros(2, np.float32)},
        tensor_metadata={},
        inputs={"first": np.zeros((1, 24, 36), np.float32)},
    )
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    report["version"] = text
    for end in ("first", "last"):
        report["inputs"][end] = {"path": text, "mask": text, "name": text}
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    script = export(Source.from_run(folder), tmp_path / "again.py")
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
