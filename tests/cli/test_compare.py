"""The command compare, and the methods behind one interface."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_latentdyn.core.methods import BASELINES, find_method, score
from napari_latentdyn.core.pair import ImagePair


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
    assert "| method | PSNR (dB) | SSIM | seconds |" in table
    assert f"{psnr['flow']:.2f}" in table
    for name in report["methods"]:
        frames = tifffile.imread(tmp_path / "out" / f"{name}.ome.tif")
        assert frames.shape == (5, 64, 64)
        assert frames.dtype == np.float32
    assert np.load(tmp_path / "out" / "flow_fields.npz")["velocity"].shape == (1, 2, 64, 64)
    assert np.load(tmp_path / "out" / "quick_fields.npz")["velocity"].shape == (2, 2, 64, 64)
    assert not (tmp_path / "out" / "dissolve_fields.npz").exists()


def test_true_frames_with_and_without_ends_score_alike(call, pair, truth, tmp_path):
    reports = []
    for name, stack in zip("ab", truth, strict=True):
        arguments = ("--truth", stack, "--methods", "dissolve", "-o", tmp_path / name)
        assert call("compare", *pair, *arguments).code == 0
        reports.append(json.loads((tmp_path / name / "comparison.json").read_text())["methods"])
    assert reports[0]["dissolve"]["frames"] == reports[1]["dissolve"]["frames"]


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


def test_compare_without_truth_makes_frames(call, pair, tmp_path):
    out = tmp_path / "out"
    arguments = ("compare", *pair, "--methods", "dissolve", "--frames", 2, "-o", out)
    assert call(*arguments).code == 0
    assert "PSNR" not in (out / "comparison.md").read_text()
    assert tifffile.imread(out / "dissolve.ome.tif").shape == (4, 64, 64)
    assert "--overwrite" in call(*arguments).sentence()
    (out / "mine.txt").write_text("kept")
    assert call(*arguments, "--overwrite").code == 0
    assert (out / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--methods", "magic"), "known are dissolve, flow, quick"),
        (("--methods", ","), "--methods takes"),
        (("--methods", "dissolve", "--truth", "none.tif"), "there is no file"),
        (("--methods", "dissolve", "--truth", "small.tif"), "must agree"),
    ],
)
def test_wrong_input_ends_in_one_sentence(call, pair, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("small.tif", np.zeros((3, 20, 20), np.float32), photometric="minisblack")
    answer = call("compare", *pair, *arguments, "-o", tmp_path / "out")
    assert answer.code == 2
    assert says in answer.sentence()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_meet_both_ends(name, drifting):
    pair = ImagePair.from_arrays(drifting(0.0), drifting(1.0))
    made = find_method(name)(
        pair, np.array([0.0, 1.0]), should_stop=lambda: False, on_progress=lambda _: None
    )
    np.testing.assert_allclose(made.frames[0], pair.first, atol=1e-2)
    np.testing.assert_allclose(made.frames[1], pair.last, atol=1e-2)


def test_flow_points_where_things_go(drifting):
    pair = ImagePair.from_arrays(drifting(0.0), drifting(1.0))
    made = find_method("flow")(
        pair, np.array([0.5]), should_stop=lambda: False, on_progress=lambda _: None
    )
    inner = made.velocity[0, :, 12:-12, 12:-12].mean(axis=(1, 2))
    np.testing.assert_allclose(inner, (3, -2), atol=0.3)


def test_score(drifting):
    pair = ImagePair.from_arrays(drifting(0.0), drifting(1.0))
    true = drifting(0.5)[None].astype(np.float32)
    span = np.ptp(np.stack([pair.first, pair.last]))
    perfect = score(pair, true, true)
    assert perfect.psnr == np.inf
    assert perfect.ssim == pytest.approx(1.0)
    assert score(pair, true + span / 10, true).psnr == pytest.approx(20.0, abs=1e-3)
    holed = true + span / 10
    holed[:, :32] = np.nan
    assert score(pair, holed, true).psnr == pytest.approx(20.0, abs=1e-3)
