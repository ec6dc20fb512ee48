"""Wrong input of `run`, and failures while it works."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import torch


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run",), "needs images"),
        (("run", "{first}", "-o", "{out}"), "two images or more"),
        (("run", "{first}", "{last}"), "needs -o DIR"),
        (("run", "{first}", "{none}", "-o", "{out}"), "there is no file"),
        (("run", "{first}", "{folder}", "-o", "{out}"), "is a folder"),
        (("run", "{first}", "{text}", "-o", "{out}"), "is not an image"),
        (("run", "{first}", "{broken}", "-o", "{out}"), "cannot be read as an image"),
        (("run", "{first}", "{stack}", "-o", "{out}"), "holds 3 images"),
        (("run", "{first}", "{stack}:7", "-o", "{out}"), "has no image 7"),
        (("run", "{first}", "{small}", "-o", "{out}"), "same grid"),
        (("run", "{first}", "{first}", "-o", "{out}"), "both images are the same"),
        (("run", "{first}", "{last}", "-o", "{text}"), "is a file"),
        (("run", "{first}", "{last}", "-o", "{used}"), "is not changed"),
        (("run", "{first}", "{last}", "-o", "{text}/out"), "cannot be written"),
        (("run", "{first}", "{last}", "-o", "{out}", "--stage", "3"), "did you mean --stages?"),
        (("run", "{first}", "{last}", "-o", "{out}", "--preset", "quik"), "did you mean 'quick'?"),
        (("run", "{first}", "{last}", "-o", "{out}", "--stages", "0"), "model.stages"),
        (("run", "{first}", "{last}", "-o", "{out}", "--device", "tpu"), "training.device"),
        (("run", "{first}", "{last}", "-o", "{out}", "--times", "0.5,2"), "output.times"),
        (("run", "{first}", "{last}", "-o", "{out}", "--set", "model.stage=3"), "'model.stages'?"),
        (("run", "{first}", "{last}", "-o", "{out}", "--set", "stages"), "got 'stages'"),
        (("run", "{first}", "{last}", "-o", "{out}", "--settings", "{none}"), "settings file"),
        (("run", "{first}", "{last}", "-o", "{out}", "--stride", "200", "64"), "stride (200)"),
        (("run", "{first}", "{last}", "{small}", "-o", "{out}"), "same grid"),
        (("run", "--resume", "{none}"), "there is no folder"),
        (("run", "--resume", "{used}"), "not a run folder"),
        (("run", "{first}", "{last}", "--resume", "{used}"), "leave images and --mask out"),
        (("apply", "{used}", "--times", "0.5"), "not a run folder"),
        (("apply", "{used}"), "not a run folder"),
        (("demo", "-o", "{used}", "--no-view"), "is not changed"),
        (("unknown",), "invalid choice"),
        ((), "required"),
    ],
)
def test_wrong_input_ends_in_one_sentence(call, pair, tmp_path, drifting, arguments, says):
    (tmp_path / "text.txt").write_text("no image")
    (tmp_path / "broken.tif").write_bytes(pair[1].read_bytes()[:100])
    stack = np.stack([drifting(t) for t in (0, 0.5, 1)])
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "small.tif", drifting(1.0)[:40])
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter.txt").write_text("dear all")
    names = {
        "first": pair[0],
        "last": pair[1],
        "none": tmp_path / "none.tif",
        "folder": tmp_path,
        "text": tmp_path / "text.txt",
        "broken": tmp_path / "broken.tif",
        "stack": tmp_path / "stack.tif",
        "small": tmp_path / "small.tif",
        "used": tmp_path / "used",
        "out": tmp_path / "out",
    }
    answer = call(*(argument.format(**names) for argument in arguments))
    assert answer.code == 2
    assert says in answer.sentence()
    assert not (tmp_path / "out").exists()
    assert [entry.name for entry in (tmp_path / "used").iterdir()] == ["letter.txt"]


def test_an_earlier_run_is_kept_unless_overwriting_is_allowed(call, pair, tmp_path, tiny):
    out = tmp_path / "out"
    call("run", *pair, "-o", out, *tiny)
    before = (out / "report.json").read_text()
    answer = call("run", *pair, "-o", out, *tiny, "--seed", 5)
    assert answer.code == 2
    assert "--overwrite" in answer.sentence()
    assert (out / "report.json").read_text() == before
    assert call("run", *pair, "-o", out, *tiny, "--seed", 5, "--overwrite").code == 0
    assert json.loads((out / "report.json").read_text())["seed"] == 5


def test_a_device_that_is_not_there_is_wrong_input(call, pair, tmp_path, tiny, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    answer = call("run", *pair, "-o", tmp_path / "out", *tiny, "--device", "cuda")
    assert answer.code == 2
    sentence = answer.sentence()
    assert "'cuda' cannot be used" in sentence
    assert sentence.endswith("): choose auto or cpu.")
    assert ".)" not in sentence
    assert not (tmp_path / "out").exists()


def test_a_training_that_fails_returns_1(call, pair, tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(
        "napari_latentdyn.core.training.loop.total_loss", lambda *_: torch.tensor(np.nan)
    )
    answer = call("run", *pair, "-o", tmp_path / "out", *tiny, "-q")
    assert answer.code == 1
    assert "lower the learning rate" in answer.sentence()
    assert not (tmp_path / "out").exists()


def test_torch_is_not_imported_for_wrong_arguments(pair, tmp_path):
    code = (
        "import sys; from napari_latentdyn.cli import main; "
        f"code = main(['run', {str(pair[0])!r}, {str(pair[0])!r}, '-o', {str(tmp_path / 'o')!r}]); "
        "sys.exit(code + 10 * ('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr


def test_the_place_is_tried_before_the_training(call, pair, tmp_path, monkeypatch):
    def refused(*_: object, **__: object) -> str:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr("tempfile.mkdtemp", refused)
    monkeypatch.setattr("napari_latentdyn.cli.runs.learn", None)
    answer = call("run", *pair, "-o", tmp_path / "out")
    assert answer.code == 2
    assert "cannot be written (Read-only file system)" in answer.sentence()


def test_a_full_disk_returns_1_and_leaves_nothing(call, pair, tmp_path, monkeypatch, tiny):
    from napari_latentdyn.core.runfolder import folder as runfolder

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(runfolder, "write_ome_tiff", full)
    answer = call("run", *pair, "-o", tmp_path / "out", *tiny, "-q")
    assert answer.code == 1
    assert "disk is full" in answer.sentence()
    assert {entry.name for entry in tmp_path.iterdir()} == {pair[0].name, pair[1].name}
