"""Names and reports of others stay data in the exported script."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from napari_latentdyn.export.script import script_text
from napari_latentdyn.export.source import Source

CODE = "raise SystemExit('injected')"
HOSTILE = [
    f'"""\n{CODE}\n"""',
    f"'''\n{CODE}\n'''",
    f'"\n{CODE}\n#',
    f"'\n{CODE}\n#",
    f"\\\n{CODE}",
    f"{{{CODE}}}",
    "{name!r}",
    "%(default)s %d %",
    "\r\n" + CODE,
    "\x0c" + CODE,
    "\u2028" + CODE,
    "\u202e reversed",
    "\udc80 lone surrogate",
    "海氷 \U0001f9ca",
    "back\\slash\\",
    'tr"""iple',
    "# -*- coding: utf-7 -*-",
    "",
    "x" * 10_000,
]


def script(source: Source, text: Any, tmp_path: Path) -> str:
    """The script of a run whose every field holds a text."""
    end = {"name": text, "path": text, "mask": text, "sha256": text, text: text}
    geo = {"crs_wkt": text, "transform": [text], "units": text}
    report = {
        "version": text,
        "inputs": {"first": {**end, "geo": geo}, "last": end},
        "placement": {"units": [text, text], text: text},
    }
    return script_text(replace(source, name=text, report=report, folder=tmp_path))


def shape(text: str) -> str:
    """The structure of a script without the values of its constants and names of keys."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value, node.kind = 0, None
    return ast.dump(tree)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_constants_alone(source, tmp_path, text):
    made = script(source, text, tmp_path)
    assert made.isascii()
    assert shape(made) == shape(script(source, "plain", tmp_path))
    found = {node.value for node in ast.walk(ast.parse(made)) if isinstance(node, ast.Constant)}
    assert text in found


@given(text=st.text(st.characters(), max_size=60))
@hypothesis_settings(max_examples=40, deadline=None)
def test_any_text_changes_constants_alone(text):
    import numpy as np

    from napari_latentdyn.settings import Settings

    source = Source(
        np.zeros((2, 4, 4)),
        np.array([0.0, 1.0]),
        np.zeros((1, 2, 4, 4), np.float32),
        settings=Settings(),
    )
    folder = Path("run")
    assert shape(script(source, text, folder)) == shape(script(source, "plain", folder))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [1, (2.5, None)]}, 10**30])
def test_values_that_are_no_text(source, value):
    files = {"first": {"path": "a.tif", "odd": value}, "last": {"path": "b.tif"}}
    report = {"version": value, "inputs": files}
    tree = ast.parse(script_text(replace(source, report=report)))
    names = {
        n.targets[0].id: n.value
        for n in tree.body
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
    }
    ast.literal_eval(names["VERSION"])
    ast.literal_eval(names["INPUTS"])
