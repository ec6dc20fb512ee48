"""The commands run, apply and demo: results on disk, exit codes, sentences."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.runfolder.evidence import agreement_sentence, motion_sentence

ASKED = ("--set", "output.confidence=true")


def test_run_writes_a_complete_folder(call, pair, tmp_path, tiny):
    answer = call("run", *pair, "-o", tmp_path / "out", *tiny, "--interval", 23)
    assert answer.code == 0
    assert answer.out == f"{tmp_path / 'out'}\n"
    assert "Training" in answer.err
    run = Dynamics.load(tmp_path / "out")
    assert run.times().tolist() == [0.0, 0.5, 1.0]
    assert run.frames().shape == (3, 64, 64)
    assert run.fields.shape == (2, 2, 64, 64)
    assert run.report.steps == 3
    assert run.report.stopped_early is False
    assert run.report.inputs[0].name == "first.ome.tif"
    assert run.report.placement.scale == [100.0, 100.0]
    assert run.report.placement.units == ["m", "m"]
    assert (run.report.interval.value, run.report.interval.unit) == (23.0, "hour")
    assert run.settings.output.preview is True
    assert 0 < run.frames().mean() < 255
    with tifffile.TiffFile(tmp_path / "out" / "frames.ome.tif") as tif:
        assert 'PhysicalSizeX="100.0"' in tif.ome_metadata


def test_the_same_seed_gives_the_same_frames(call, pair, tmp_path, tiny):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert call("run", *pair, "-o", tmp_path / name, *tiny, "--seed", seed, "-q").code == 0
    a, b = (Dynamics.load(tmp_path / name) for name in "ab")
    np.testing.assert_array_equal(a.fields, b.fields)
    for name in ("frames.ome.tif", "fields.npz", "model.safetensors", "settings.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert (tmp_path / "a" / "frames.ome.tif").read_bytes() != (
        tmp_path / "c" / "frames.ome.tif"
    ).read_bytes()


def test_the_same_result_is_written_as_the_same_bytes(call, pair, tmp_path, tiny):
    call("run", *pair, "-o", tmp_path / "run", *tiny, "-q")
    folders = [tmp_path / str(i) for i in range(6)]
    for folder in folders:
        assert call("apply", tmp_path / "run", "--frames", 1, "-o", folder, "-q").code == 0
    for name in ("frames.ome.tif", "model.safetensors"):
        assert len({(folder / name).read_bytes() for folder in folders}) == 1, name


def test_frames_and_times_choose_the_frames(call, pair, tmp_path, tiny):
    assert call("run", *pair, "-o", tmp_path / "a", *tiny, "--frames", 4).code == 0
    np.testing.assert_allclose(Dynamics.load(tmp_path / "a").times(), np.linspace(0, 1, 6))
    assert call("run", *pair, "-o", tmp_path / "b", *tiny, "--times", "0.25,0.7").code == 0
    np.testing.assert_allclose(Dynamics.load(tmp_path / "b").times(), [0, 0.25, 0.7, 1])


def test_confidence_is_written_where_it_is_asked_for(call, pair, tmp_path, tiny):
    out = tmp_path / "out"
    assert call("run", *pair, "-o", out, *tiny).code == 0
    assert Dynamics.load(out).stored("confidence") is None
    assert not (out / "confidence.npz").exists()
    assert call("run", *pair, "-o", out, *tiny, "--overwrite", *ASKED).code == 0
    run = Dynamics.load(out)
    assert run.settings.output.confidence is True
    assert run.stored("confidence").shape == (3, 64, 64)
    assert run.stored("confidence").min() >= 0
    assert run.stored("confidence").max() <= 1
    assert np.ptp(run.stored("confidence")[1]) > 0
    # Frames at other times have it, too.
    assert call("apply", out, "--times", "0.25", "-o", tmp_path / "new").code == 0
    new = Dynamics.load(tmp_path / "new")
    np.testing.assert_allclose(new.times(), [0, 0.25, 1])
    np.testing.assert_allclose(
        new.stored("confidence")[[0, 2]], run.stored("confidence")[[0, 2]], atol=1e-6
    )


def test_apply_makes_frames_at_other_times(call, pair, tmp_path, tiny):
    out = tmp_path / "out"
    call("run", *pair, "-o", out, *tiny)
    before = Dynamics.load(out)
    answer = call("apply", out, "--times", "0.25,0.5", "-o", tmp_path / "new")
    assert answer.code == 0
    new = Dynamics.load(tmp_path / "new")
    np.testing.assert_allclose(new.times(), [0, 0.25, 0.5, 1])
    np.testing.assert_allclose(new.frames()[2], before.frames()[1], atol=1e-3)
    np.testing.assert_array_equal(Dynamics.load(out).times(), before.times())
    assert new.report.inputs[1].name == "last.tif"
    assert new.report.placement == before.report.placement
    assert new.report.steps == before.report.steps

    assert call("apply", out, "--frames", 3).code == 0
    np.testing.assert_allclose(Dynamics.load(out).times(), np.linspace(0, 1, 5))


@pytest.mark.parametrize(
    "change", ["model.members=2", "model.initial_fields=drift", "physics.motion=steady"]
)
def test_resume_keeps_its_initial_fields(call, pair, tmp_path, tiny, change):
    call("run", *pair, "-o", tmp_path / "half", *tiny)
    before = (tmp_path / "half" / "settings.json").read_bytes()
    answer = call("run", "--resume", tmp_path / "half", "--steps", 6, "--set", change)
    assert f"{change.split('=')[0]} cannot change" in answer.sentence()
    assert (tmp_path / "half" / "settings.json").read_bytes() == before


def test_resume_goes_on_to_the_same_result(call, pair, tmp_path, tiny):
    call("run", *pair, "-o", tmp_path / "half", *tiny, "--final-rate", 1)
    more = ("--steps", 6)
    call("run", *pair, "-o", tmp_path / "whole", *tiny, "--final-rate", 1, *more)
    answer = call("run", "--resume", tmp_path / "half", *more)
    assert answer.code == 0
    half, whole = Dynamics.load(tmp_path / "half"), Dynamics.load(tmp_path / "whole")
    assert half.report.steps == 6
    assert half.report.placement.scale == [100.0, 100.0]
    assert half.report.inputs[0].name == "first.ome.tif"
    np.testing.assert_allclose(half.fields, whole.fields, atol=1e-5)

    for steps in ((), ("--steps", 4)):
        sentence = call("run", "--resume", tmp_path / "half", *steps).sentence()
        assert "has done 6 of" in sentence
        assert "give more than 6 with --steps" in sentence
    other = call("run", "--resume", tmp_path / "half", "--steps", 9, "--latent-channels", 3, "-q")
    assert other.code == 2
    assert "model.latent_channels cannot change" in other.sentence()
    assert Dynamics.load(tmp_path / "half").report.steps == 6


def test_a_mask_leaves_pixels_out(call, pair, tmp_path, tiny):
    mask = np.zeros((64, 64), np.uint8)
    mask[:20] = 255
    for name in ("m0.tif", "m1.tif"):
        tifffile.imwrite(tmp_path / name, mask)
    masks = ("--mask", tmp_path / "m0.tif", tmp_path / "m1.tif")
    assert call("run", *pair, "-o", tmp_path / "out", *tiny, *masks).code == 0
    inputs = np.load(tmp_path / "out" / "inputs.npz")
    assert not inputs["valid"][0, :20].any()
    assert inputs["valid"][1, 20:].all()


def test_colours_stay_colours(call, tmp_path, drifting, tiny):
    from skimage.io import imsave

    for name, t in (("a.png", 0.0), ("b.png", 1.0)):
        grey = drifting(t)
        imsave(tmp_path / name, np.stack([grey, 255 - grey, grey // 2], -1), check_contrast=False)
    files = (tmp_path / "a.png", tmp_path / "b.png")
    assert call("run", *files, "-o", tmp_path / "out", *tiny).code == 0
    run = Dynamics.load(tmp_path / "out")
    assert run.frames().shape == (3, 3, 64, 64)
    assert run.report.inputs[0].rgb is True
    assert call("run", *files, "-o", tmp_path / "one", *tiny, "--channel", 1).code == 0
    assert Dynamics.load(tmp_path / "one").frames().shape == (3, 64, 64)


def test_the_closing_line_tells_both_times(call, pair, tmp_path, tiny):
    answer = call("run", *pair, "-o", tmp_path / "out", *tiny)
    assert re.search(
        r"^3 frames after 3 steps; training took \d+:\d\d, with the frames \d+:\d\d; written to:$",
        answer.err,
        re.MULTILINE,
    )
    said = agreement_sentence(Dynamics.load(tmp_path / "out").report)
    assert "motion explains" in said
    assert said in answer.err.splitlines()
    quiet = call("run", *pair, "-o", tmp_path / "quiet", *tiny, "-q")
    assert (quiet.err, quiet.out) == ("", f"{tmp_path / 'quiet'}\n")


def test_noise_is_said_to_show_no_motion_also_when_quiet(call, pair, tmp_path):
    random = np.random.default_rng(0)
    paths = [tmp_path / f"noise_{end}.tif" for end in "ab"]
    for path in paths:
        tifffile.imwrite(path, random.integers(0, 255, (64, 64), dtype=np.uint8))
    for flags in ((), ("-q",)):
        out = tmp_path / f"out{len(flags)}"
        answer = call("run", *paths, "-o", out, "--preset", "quick", *flags)
        assert answer.code == 0
        report = Dynamics.load(out).report
        assert report.motion_evidence.found is False
        assert motion_sentence(report) in answer.err.splitlines()
    moving = call("run", *pair, "-o", tmp_path / "moving", "--preset", "quick")
    assert "No motion" not in moving.err
    assert Dynamics.load(tmp_path / "moving").report.motion_evidence.found is True


def test_a_run_that_trains_nothing_tells_of_matching(call, pair, tmp_path):
    answer = call("run", *pair, "-o", tmp_path / "out", "--preset", "quick", "--stages", 2)
    assert re.search(
        r"^3 frames; matching took \d+:\d\d, with the frames \d+:\d\d; written to:$",
        answer.err,
        re.MULTILINE,
    )
    assert "rain" not in answer.err
    assert not Dynamics.load(tmp_path / "out").settings.uses_decoder
