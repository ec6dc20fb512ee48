"""The command compare, and the methods behind one interface."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from skimage.io import imread

from napari_latentdyn.core.baselines import BASELINES, list_methods, score
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import FitError, Stopped


@pytest.fixture
def truth(tmp_path, drifting):
    """True frames at a quarter, half and three quarters, and the same with the ends."""
    times = np.linspace(0, 1, 5)
    stack = np.stack([drifting(t) for t in times]).astype(np.float32)
    tifffile.imwrite(tmp_path / "all.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "middle.tif", stack[1:-1], photometric="minisblack")
    return tmp_path / "all.tif", tmp_path / "middle.tif"


def test_compare_scores_the_methods_on_true_frames(call, pair, truth, tmp_path, tiny):
    answer = call(
        "compare", *pair, "--truth", truth[1], "--methods", "dissolve,flow,quick", *tiny,
        "-o", tmp_path / "out",
    )  # fmt: skip
    assert answer.code == 0
    assert answer.out == f"{tmp_path / 'out'}\n"
    report = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert report["complete"] is True
    assert report["times"] == [0, 0.25, 0.5, 0.75, 1]
    assert list(report["methods"]) == ["dissolve", "flow", "quick"]
    psnr = {name: entry["psnr"] for name, entry in report["methods"].items()}
    assert psnr["flow"] > psnr["dissolve"] + 4
    assert [frame["time"] for frame in report["methods"]["flow"]["frames"]] == [0.25, 0.5, 0.75]
    table = (tmp_path / "out" / "comparison.md").read_text()
    assert "| method | PSNR (dB) | SSIM | gradient RMSE | end error (%) |" in table
    assert f"{psnr['flow']:.2f}" in table
    assert table in answer.err
    flow, dissolve = report["methods"]["flow"], report["methods"]["dissolve"]
    assert flow["gradient_error"] < dissolve["gradient_error"]
    assert flow["end_error_on"] < 0.05
    assert dissolve["end_error_on"] is None
    assert dissolve["conservation_error"] < 1e-6
    assert len(flow["intensity_error"]) == 5
    for name in report["methods"]:
        frames = tifffile.imread(tmp_path / "out" / f"{name}.ome.tif")
        assert frames.shape == (5, 64, 64)
        assert frames.dtype == np.float32
        errors = tifffile.imread(tmp_path / "out" / f"{name}_error.ome.tif")
        true = tifffile.imread(truth[1])
        np.testing.assert_allclose(errors, np.abs(frames[1:-1] - true), atol=1e-3)
    assert "3 true frames at 0.25, 0.5, 0.75 of the interval, assumed evenly spaced" in answer.err
    assert np.load(tmp_path / "out" / "flow_fields.npz")["velocity"].shape == (8, 2, 64, 64)
    assert np.load(tmp_path / "out" / "quick_fields.npz")["velocity"].shape == (2, 2, 64, 64)
    assert not (tmp_path / "out" / "dissolve_fields.npz").exists()


def test_a_run_folder_is_compared_without_training_again(
    call, pair, truth, tmp_path, tiny, monkeypatch
):
    run = tmp_path / "mine"
    assert call("run", *pair, "-o", run, *tiny, "-q").code == 0

    def fit(*_, **__):
        raise AssertionError("nothing is trained")

    monkeypatch.setattr("napari_latentdyn.core.training.fit.fit", fit)
    flags = ("--truth", truth[1], "--result", run, "--interval", 8)
    answer = call("compare", *pair, *flags, "-o", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert "3 true frames at 2, 4, 6 hours, assumed evenly spaced" in answer.err
    report = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert list(report["methods"]) == ["result-mine", "dissolve", "flow"]
    frames = tifffile.imread(tmp_path / "out" / "result-mine.ome.tif")
    from napari_latentdyn import Dynamics

    np.testing.assert_allclose(frames, Dynamics.load(run).frames(report["times"]), atol=1e-4)
    other = call("compare", *pair[::-1], "--result", run, "-o", tmp_path / "other")
    assert other.code == 1
    assert "must be of these images" in other.err
    twice = call("compare", *pair, "--result", run, "--result", run, "-o", tmp_path / "third")
    assert "got mine twice" in twice.sentence()
    none = call("compare", *pair, "--result", tmp_path, "-o", tmp_path / "third")
    assert none.code == 2


def test_true_frames_with_and_without_ends_score_alike(call, pair, truth, tmp_path):
    reports = []
    for name, stack in zip("ab", truth, strict=True):
        arguments = ("--truth", stack, "--methods", "dissolve", "-o", tmp_path / name)
        assert call("compare", *pair, *arguments).code == 0
        reports.append(json.loads((tmp_path / name / "comparison.json").read_text())["methods"])
    assert reports[0]["dissolve"]["frames"] == reports[1]["dissolve"]["frames"]


def test_one_image_of_a_stack_can_be_the_true_frame(call, pair, truth, tmp_path):
    arguments = ("--truth", f"{truth[0]}:1", "--truth-times", "0.25", "--methods", "dissolve")
    answer = call("compare", *pair, *arguments, "-o", tmp_path / "out")
    assert answer.code == 0, answer.err
    report = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert report["truth_times"] == [0.25]
    answer = call("compare", *pair, "--truth", f"{truth[0]}:9", "-o", tmp_path / "none")
    assert "has no image 9" in answer.sentence()


def test_true_frames_of_another_scale_are_told_even_when_quiet(call, pair, truth, tmp_path):
    frames = tifffile.imread(truth[1]).astype(np.float32) / 255
    tifffile.imwrite(tmp_path / "unit.tif", frames, photometric="minisblack")
    arguments = ("--truth", tmp_path / "unit.tif", "--methods", "dissolve", "-q")
    answer = call("compare", *pair, *arguments, "-o", tmp_path / "out")
    assert answer.code == 0
    assert "bring them to one scale" in answer.err


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_three_true_frames_without_a_word_of_what_they_are(call, pair, truth, tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", tifffile.imread(truth[1]))
    psnr = []
    for name, stack in (("a", truth[1]), ("b", tmp_path / "plain.tif")):
        arguments = ("--truth", stack, "--methods", "dissolve", "-o", tmp_path / name)
        assert call("compare", *pair, *arguments).code == 0
        report = json.loads((tmp_path / name / "comparison.json").read_text())
        psnr.append(report["methods"]["dissolve"]["psnr"])
    assert psnr[0] == psnr[1]


def test_seconds_of_a_method_are_its_own(pair, tmp_path):
    command = [sys.executable, "-m", "napari_latentdyn", "compare", *map(str, pair)]
    out = tmp_path / "out"
    subprocess.run([*command, "--methods", "dissolve", "-o", str(out)], check=True)
    report = json.loads((out / "comparison.json").read_text())
    # Without libraries that the first method would import.
    assert report["methods"]["dissolve"]["seconds"] < 0.3


def test_compare_without_truth_makes_frames(call, pair, tmp_path):
    out = tmp_path / "out"
    arguments = ("compare", *pair, "--methods", "dissolve", "--frames", 2, "-o", out)
    assert call(*arguments).code == 0
    table = (out / "comparison.md").read_text()
    assert "PSNR" not in table
    assert "| dissolve | – | – | 0.00 |" in table
    assert not (out / "dissolve_error.ome.tif").exists()
    assert tifffile.imread(out / "dissolve.ome.tif").shape == (4, 64, 64)
    assert "--overwrite" in call(*arguments).sentence()
    quiet = call(*arguments[:-1], tmp_path / "quiet", "-q")
    assert (quiet.err, quiet.out) == ("", f"{tmp_path / 'quiet'}\n")
    (out / "mine.txt").write_text("kept")
    assert call(*arguments, "--overwrite").code == 0
    assert (out / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--methods", "magic"), "known are dissolve, flow, dis"),
        (("--methods", ","), "--methods must be"),
        (("--methods", "dissolve", "--truth", "none.tif"), "there is no file"),
        (("--methods", "dissolve", "--truth", "small.tif"), "must agree"),
        (("--methods", "dissolve", "--truth-times", "0.5"), "give the frames with --truth"),
        (("--truth", "small.tif", "--truth-times", "0.5,2"), "must be different fractions"),
        (("--truth", "small.tif", "--truth-times", "0.5,0.5"), "different fractions"),
        (("--truth", "small.tif", "--truth-times", "half"), "--truth-times must be"),
        (("--truth", "first.tif"), "is the first image itself"),
        (("--truth", "empty.tif"), "frame 2 of empty.tif has no value"),
    ],
)
def test_wrong_input_ends_in_one_sentence(call, pair, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("small.tif", np.zeros((3, 20, 20), np.float32), photometric="minisblack")
    tifffile.imwrite("first.tif", imread(pair[0]).astype(np.float32))
    empty = np.zeros((3, 64, 64), np.float32)
    empty[1] = np.nan
    tifffile.imwrite("empty.tif", empty, photometric="minisblack")
    answer = call("compare", *pair, *arguments, "-o", tmp_path / "out")
    assert answer.code == 2
    assert says in answer.sentence()
    assert not (tmp_path / "out").exists()


def test_true_frames_at_any_times(call, pair, drifting, tmp_path):
    times = (0.6, 0.1, 0.35)
    stack = np.stack([drifting(t) for t in times]).astype(np.float32)
    ends = np.stack([drifting(0.0), *stack, drifting(1.0)]).astype(np.float32)
    reports = []
    for name, frames, said in (
        ("bare", stack, "0.6,0.1,0.35"),
        ("ends", ends, "0.6,0.1,0.35"),
        ("all", ends, "0,0.6,0.1,0.35,1"),
    ):
        tifffile.imwrite(tmp_path / f"{name}.tif", frames, photometric="minisblack")
        answer = call(
            "compare", *pair, "--truth", tmp_path / f"{name}.tif", "--truth-times", said,
            "--methods", "flow", "-o", tmp_path / name,
        )  # fmt: skip
        assert answer.code == 0, answer.err
        reports.append(json.loads((tmp_path / name / "comparison.json").read_text()))
    for report in reports:
        assert report["times"] == [0, 0.1, 0.35, 0.6, 1]
        assert report["truth_times"] == [0.1, 0.35, 0.6]
        assert min(frame["psnr"] for frame in report["methods"]["flow"]["frames"]) > 30
    assert reports[0]["methods"]["flow"]["frames"] == reports[1]["methods"]["flow"]["frames"]
    answer = call(
        "compare", *pair, "--truth", tmp_path / "bare.tif", "--truth-times", "0.2,0.4",
        "--methods", "flow", "-o", tmp_path / "out",
    )  # fmt: skip
    assert answer.code == 2
    assert "2 times" in answer.sentence()


def test_groups_of_methods(call, pair, truth, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    out = tmp_path / "out"
    answer = call("compare", *pair, "--truth", truth[1], "--methods", "baselines", "-o", out)
    assert answer.code == 0
    assert "Left out: the method 'transport' needs" in answer.err
    report = json.loads((out / "comparison.json").read_text())
    assert list(report["methods"]) == ["dissolve", "flow", "dis", "advection"]
    answer = call("compare", *pair, "--methods", "transport", "-o", tmp_path / "none")
    assert answer.code == 2
    assert answer.sentence().endswith('pip install "napari-latentdyn[compare]".')


def test_all_methods_of_the_library(call, pair, truth, tmp_path, tiny):
    out = tmp_path / "out"
    answer = call("compare", *pair, "--truth", truth[1], "--methods", "all", *tiny, "-o", out)
    assert answer.code == 0, answer.err
    report = json.loads((out / "comparison.json").read_text())
    assert list(report["methods"]) == [info.name for info in list_methods()]
    table = (out / "comparison.md").read_text()
    for name, entry in report["methods"].items():
        assert f"| {name} | {entry['psnr']:.2f} |" in table
        assert tifffile.imread(out / f"{name}.ome.tif").shape == (5, 64, 64)


def test_a_plot_over_time_where_matplotlib_is_there(call, pair, truth, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    arguments = ("compare", *pair, "--truth", truth[1], "--methods", "dissolve", "-o", out)
    assert call(*arguments).code == 0
    height, width, _ = imread(out / "comparison.png").shape
    assert height > width > 500
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    answer = call(*arguments, "--overwrite")
    assert answer.code == 0
    assert 'pip install "napari-latentdyn[export]"' in answer.err
    assert not (out / "comparison.png").exists()


def test_a_method_that_fails_does_not_end_the_others(call, pair, tmp_path, monkeypatch):
    def failing(*_, **__):
        raise FitError("it came to nothing.")

    monkeypatch.setitem(BASELINES, "flow", replace(BASELINES["flow"], method=failing))
    out = tmp_path / "out"
    answer = call("compare", *pair, "--methods", "flow,dissolve", "--frames", 1, "-o", out)
    assert answer.code == 1
    assert answer.out == f"{out}\n"
    assert "it came to nothing." in answer.err
    report = json.loads((out / "comparison.json").read_text())
    assert list(report["methods"]) == ["dissolve"]
    assert report["failed"] == {"flow": "it came to nothing."}
    assert report["complete"] is False
    alone = call("compare", *pair, "--methods", "flow", "-o", tmp_path / "alone")
    assert alone.code == 1
    assert not (tmp_path / "alone").exists()


def test_what_was_made_before_an_interrupt_is_kept(call, pair, tmp_path, monkeypatch):
    def interrupted(*_, should_stop, **__):
        signal.raise_signal(signal.SIGINT)
        assert should_stop()
        raise Stopped

    monkeypatch.setitem(BASELINES, "flow", replace(BASELINES["flow"], method=interrupted))
    out = tmp_path / "out"
    answer = call("compare", *pair, "--methods", "dissolve,flow,dis", "--frames", 1, "-o", out)
    assert answer.code == 130
    report = json.loads((out / "comparison.json").read_text())
    assert list(report["methods"]) == ["dissolve"]
    assert report["complete"] is False
    assert report["failed"] == {}


def test_info_lists_the_methods(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    answer = call("info")
    assert answer.code == 0
    lines = {line.split()[0]: line for line in answer.out.splitlines() if line}
    assert set(lines) >= {info.name for info in list_methods()}
    assert "napari-latentdyn[compare]" in lines["dis"]
    assert "napari-latentdyn[compare]" not in lines["transport"]


def test_the_help_names_all_methods(call):
    from napari_latentdyn.cli.parser import build_parser

    (commands,) = (a for a in build_parser()._actions if hasattr(a, "choices") and a.choices)
    actions = {o: a for a in commands.choices["compare"]._actions for o in a.option_strings}
    for info in list_methods():
        assert info.name in actions["--methods"].help


def test_score(drifting):
    pair = Observations.from_arrays(drifting(0.0), drifting(1.0))
    true = drifting(0.5)[None].astype(np.float32)
    span = np.ptp(np.stack([pair.images[0], pair.images[1]]))
    perfect = score(pair, true, true)
    assert perfect.psnr == np.inf
    assert perfect.ssim == pytest.approx(1.0)
    assert score(pair, true + span / 10, true).psnr == pytest.approx(20.0, abs=1e-3)
    holed = true + span / 10
    holed[:, :32] = np.nan
    assert score(pair, holed, true).psnr == pytest.approx(20.0, abs=1e-3)
