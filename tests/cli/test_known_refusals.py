"""Known regions and tracks that ``run`` refuses, and commands that do not take any."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from tests.cli.test_known import BOX, QUICK, image, write
from tests.core.observations.known.helpers import degrees, geojson, table


def test_bad_input_is_one_sentence(call, tmp_path):
    images = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for name, shift in zip(images, (0, 2), strict=True):
        tifffile.imwrite(name, image(shift))
    whole = np.ones((48, 48))
    marks = table(tmp_path / "marks.csv", "y0,x0,y1,x1", "20,20,22,22", "20.5,20,35,20")
    swapped = table(tmp_path / "swapped.csv", "id,t,y,x", "1,0,20,400", "1,1,21,400")
    late = table(tmp_path / "late.csv", "id,t,y,x", "1,5,20,4", "1,9,21,4")
    dates = table(tmp_path / "dates.csv", "id,t,y,x", "1,2024-03-01,2,4", "1,2024-03-02,1,4")
    earth = geojson(tmp_path / "coast.json", ("Polygon", [degrees(BOX)], {}))
    band = write(tmp_path / "band.tif", np.arange(48)[:, None] < np.full(48, 9))
    cases = [
        (
            ("--still", write(tmp_path / "small.tif", whole[:20])),
            "must have the size of the images",
        ),
        (("--still", write(tmp_path / "all.tif", whole)), "masks that cover all"),
        (("--wall", write(tmp_path / "none.tif", 0 * whole)), "none.tif must mark at least one"),
        (("--roi", tmp_path / "nowhere.tif"), "there is no file"),
        (("--roi", earth), "or give a table (CSV) with places in pixels"),
        (("--tracks", swapped), "swapped.csv must lie in the images"),
        (("--tracks", late), "late.csv must be fractions of the interval, 0 to 1; got 5 to 9"),
        (("--tracks", dates), "the dates of the images are not known"),
        (("--landmarks", marks), "must move together"),
        (("--hold-back", "few"), "--hold-back must be a part such as 0.2"),
        (("--hold-back", "0.5"), "give some with --tracks or --landmarks"),
        (("--hold-back", "0.5", "--still", band), "--hold-back needs tracks or landmarks"),
        (("--roi", band, "--mask", band), "none in image 1 of 2: change the masks"),
        (("--still", *[write(tmp_path / "x.tif", whole)] * 3), "one for each of 2 images; got 3"),
    ]
    for flags, told in cases:
        answer = call("run", *images, "-o", tmp_path / "run", *QUICK, *flags)
        assert answer.code == 2
        assert told in answer.sentence()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flag", ["--still", "--tracks", "--roi=a.tif", "--hold-back"])
@pytest.mark.parametrize(
    "command",
    [("compare", "a.tif", "b.tif", "-o", "c"), ("scene", "a", "b", "-o", "c"), ("apply", "a")],
)
def test_commands_without_knowledge_name_the_one_that_has_it(call, command, flag):
    answer = call(*command, flag, *([] if "=" in flag else ["1"]))
    assert answer.code == 2
    name = flag.partition("=")[0]
    assert answer.sentence() == (
        f"{command[0]} takes no regions, tracks or landmarks; give {name} to run instead."
    )


def test_a_run_without_any_says_nothing(call, tmp_path):
    for name, shift in (("a", 0), ("b", 2)):
        tifffile.imwrite(tmp_path / f"{name}.tif", image(shift))
    out = tmp_path / "run"
    answer = call("run", tmp_path / "a.tif", tmp_path / "b.tif", "-o", out, *QUICK)
    assert answer.code == 0
    assert "Known" not in answer.err
    assert "known" not in json.loads((out / "report.json").read_text())
    assert "known" not in call("info", out).out
