"""What `run` says of inputs that it does not use, that are given twice, or that are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_latentdyn.core.dynamics.result import Dynamics

QUICK = ("--preset", "quick", "--threads", "1", "--frames", "1")
SCENE = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(60, 60)), 2)


@pytest.fixture
def images(tmp_path):
    """Two images of 48 x 48 pixels that move by (-2, 0)."""
    names = [tmp_path / f"{name}.tif" for name in "ab"]
    for name, shift in zip(names, (0, 2), strict=True):
        tifffile.imwrite(name, SCENE[6 + shift : 54 + shift, 6:54].astype(np.float32))
    return names


@pytest.fixture
def box(tmp_path):
    """An image that is not zero in a box."""
    mask = np.zeros((48, 48), np.uint8)
    mask[10:20, 10:20] = 1
    tifffile.imwrite(tmp_path / "box.tif", mask)
    return tmp_path / "box.tif"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (
            ("--sources", "box.tif"),
            "Sources have no part in the result, because the equation is advection with source; "
            "they act with sparse sources alone (physics.equation: sparse_source).",
        ),
        (
            ("--equation", "growth", "--diffusivity", "3"),
            "The diffusivity has no part in the result, because the equation is growth and decay; "
            "it acts with advection and diffusion alone (physics.equation: diffusion).",
        ),
        (
            ("--equation", "diffusion", "--capacity", "3"),
            "The carrying capacity has no part in the result, because the equation is advection "
            "and diffusion; it acts with limited growth alone (physics.equation: limited_growth).",
        ),
    ],
)
def test_what_the_equation_does_not_use(call, images, box, tmp_path, monkeypatch, flags, told):
    monkeypatch.chdir(tmp_path)
    answer = call("run", *images, "-o", "run", *QUICK, *flags)
    assert answer.code == 0, answer.err
    # Before the computation, in which one may stop, and with the result.
    assert answer.err.splitlines().count(told) == 2
    assert call("run", *images, "-o", "run", *QUICK, *flags, "-q", "--overwrite").err.count(told)
    assert f"result       {told}" in call("info", "run").out.splitlines()


@pytest.mark.parametrize(
    "flags",
    [
        ("--sources", "box.tif", "--equation", "sparse_source"),
        ("--equation", "diffusion", "--diffusivity", "3"),
        ("--equation", "limited_growth", "--capacity", "3"),
    ],
)
def test_what_the_equation_uses(call, images, box, tmp_path, monkeypatch, flags):
    monkeypatch.chdir(tmp_path)
    answer = call("run", *images, "-o", "run", *QUICK, *flags)
    assert answer.code == 0, answer.err
    assert "no part in the result" not in answer.err


def test_info_tells_the_choice_of_the_equation(call, images, tmp_path):
    out = tmp_path / "run"
    answer = call("run", *images, "-o", out, *QUICK, "--equation", "auto")
    told = next(line for line in answer.err.splitlines() if line.startswith("The equation is"))
    assert f"result       {told}" in call("info", out).out.splitlines()


def test_a_truth_value_is_no_number_of_tracks(call, images, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps({"known": {"hold_back": True}}))
    answer = call("run", *images, "-o", tmp_path / "run", "--settings", tmp_path / "mine.json")
    assert answer.sentence().endswith("known: hold_back: must be a number; got true.")
