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


def mask(path, values):
    tifffile.imwrite(path, np.asarray(values, np.uint8))
    return path


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
    inside = np.zeros((48, 48))
    inside[10:20, 10:20] = 1
    return mask(tmp_path / "box.tif", inside)


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


@pytest.mark.parametrize("flag", ["--tracks", "--landmarks", "--still"])
def test_a_file_that_is_given_twice(call, images, box, tmp_path, monkeypatch, flag):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "buoys.csv", "id,t,y,x", "b0,0,30,20", "b0,1,28,20")
    name = "box.tif" if flag == "--still" else "buoys.csv"
    answer = call("run", *images, "-o", "run", *QUICK, flag, name, f"./{name}")
    assert answer.sentence() == f"./{name} is given twice: give each file once."


def test_some_images_of_a_series_have_the_same_region(call, images, box, tmp_path):
    land = mask(tmp_path / "land.tif", np.eye(48))
    run = ("run", *images, images[0], "-o", tmp_path / "run", *QUICK)
    assert call(*run, "--still", land, land, box).code == 0


def test_the_name_of_a_file_in_the_current_folder(call, images, box, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("stack.tif", np.stack([tifffile.imread(box)] * 2), photometric="minisblack")
    files = ("./stack.tif:0", "stack.tif:1")
    assert call("run", *images, "-o", "run", *QUICK, "--still", *files).code == 0
    lines = call("info", "run").out
    assert "stack.tif:0," in lines
    assert call("run", *images, "-o", "again", *QUICK, "--still", "./box.tif").code == 0
    assert "  still      box.tif, " in call("info", "again").out


def test_masks_of_missing_pixels_that_do_not_fit(call, images, tmp_path):
    run = ("run", *images, "-o", tmp_path / "run", *QUICK)
    small = mask(tmp_path / "small.tif", np.eye(20))
    assert call(*run, "--mask", small).sentence() == (
        f"{small} must have the size of the images, 48 x 48; got 20 x 20: draw the mask on one of "
        "the images, or resample it."
    )
    whole = mask(tmp_path / "whole.tif", np.ones((48, 48)))
    assert call(*run, "--mask", whole).sentence() == (
        f"{whole} must leave a part of the images; got a mask of missing pixels that covers all: "
        "invert it, or make it smaller."
    )


def test_an_image_without_missing_pixels_and_masks_without_any(call, images, box, tmp_path):
    empty = mask(tmp_path / "empty.tif", np.zeros((48, 48)))
    told = f"No pixel of the images lies in {empty}: draw it, or leave it out."
    for files, count in (((box, empty), 0), ((empty,), 1), ((empty, empty), 1)):
        run = ("run", *images, "-o", tmp_path / "run", *QUICK, "--overwrite")
        answer = call(*run, "--mask", *files)
        assert answer.code == 0, answer.err
        assert answer.err.splitlines().count(told) == count
