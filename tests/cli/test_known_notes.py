"""What `run` says of inputs that it does not use, that are given twice, or that are wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from tests.core.observations.known.helpers import table

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
    ("flags", "what", "equation", "acts"),
    [
        (
            ("--sources", "box.tif"),
            "Sources have",
            "advection with source",
            "they act with sparse sources alone (physics.equation: sparse_source)",
        ),
        (
            ("--equation", "growth", "--diffusivity", "3"),
            "The diffusivity has",
            "growth and decay",
            "it acts with advection and diffusion alone (physics.equation: diffusion)",
        ),
        (
            ("--equation", "diffusion", "--capacity", "3"),
            "The carrying capacity has",
            "advection and diffusion",
            "it acts with limited growth alone (physics.equation: limited_growth)",
        ),
    ],
)
def test_what_the_equation_does_not_use(
    call, images, box, tmp_path, monkeypatch, flags, what, equation, acts
):
    told = f"{what} no part in the result, because the equation is {equation}; {acts}."
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


def test_landmarks_are_called_landmarks(call, images, box, tmp_path):
    """In refusals, by their names in the table."""
    marks = table(tmp_path / "m.csv", "name,y0,x0,y1,x1", "cape,30,20,28,20", "bay,11,11,19,19")
    track = table(tmp_path / "t.csv", "id,t,y,x", "b0,0,30,20", "b0,1,40,20")
    given = ("run", *images, "-o", tmp_path / "run", *QUICK, "--landmarks", marks)
    sentence = call(*given, "--tracks", track).sentence()
    assert sentence.startswith("points that begin at one place must move together; track b0 and ")
    assert "; track b0 and landmark cape begin near (30, 20) and end" in sentence
    assert call(*given, "--still", box).sentence() == (
        "a landmark in a still region must not move; landmark bay moves by 11.3 pixels in it: "
        "correct the mask or the landmark, or state a larger uncertainty."
    )


@pytest.mark.parametrize("flag", ["--tracks", "--still", "--landmarks"])
def test_a_file_that_is_given_twice(call, images, tmp_path, monkeypatch, flag):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "buoys.csv", "id,t,y,x", "b0,0,30,20", "b0,1,28,20")
    answer = call("run", *images, "-o", "run", *QUICK, flag, "buoys.csv", "./buoys.csv")
    assert answer.sentence().endswith("buoys.csv is given twice: give each file once.")


def test_the_name_of_a_file_in_the_current_folder(call, images, box, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("stack.tif", np.stack([tifffile.imread(box)] * 2), photometric="minisblack")
    files = ("./stack.tif:0", "stack.tif:1")
    assert call("run", *images, "-o", "run", *QUICK, "--still", *files).code == 0
    lines = call("info", "run").out
    assert "stack.tif:0," in lines
    assert call("run", *images, "-o", "again", *QUICK, "--still", "./box.tif").code == 0
    assert "  still      box.tif, " in call("info", "again").out
