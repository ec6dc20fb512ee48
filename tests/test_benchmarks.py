from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from benchmarks.accuracy import cli, flows, methods, parts, runs, scores, tables
from benchmarks.accuracy.cases import Case, generated_cases, make_case, read_case, stored_cases
from benchmarks.accuracy.fields import FieldTruth, field_error, read_field_truth, total_displacement
from benchmarks.accuracy.markdown import BEGIN, END, number, splice
from benchmarks.accuracy.methods import METHODS, Method, ablated
from benchmarks.accuracy.results import TAKEN_OVER, Results
from benchmarks.accuracy.rivals import RIVALS


@pytest.fixture
def case() -> Case:
    frames = np.random.default_rng(0).random((5, 24, 32))
    return make_case("noise", "data", frames, range(5))


# Scores ---------------------------------------------------------------------------


def test_psnr_of_a_known_error() -> None:
    truth = np.zeros((16, 16), np.float32)
    assert scores.psnr(truth + 0.1, truth) == pytest.approx(20, abs=1e-4)
    assert scores.psnr(truth, truth) == 99


def test_the_same_frame_scores_best() -> None:
    truth = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    score = scores.score(truth, truth)
    assert score["psnr"] == 99
    assert score["ssim"] == pytest.approx(1)
    assert score["grmse"] == 0
    assert score["sharp"] == pytest.approx(1)


def test_ssim_falls_with_noise_and_sharpness_with_blur() -> None:
    rng = np.random.default_rng(0)
    truth = np.kron(rng.random((8, 8)), np.ones((8, 8)))[None]
    noisy = truth + 0.1 * rng.normal(size=truth.shape)
    assert scores.score(noisy, truth)["ssim"] < 0.95
    assert scores.score(0.5 + 0.5 * (truth - 0.5), truth)["sharp"] == pytest.approx(0.5)


def test_frames_are_clipped_before_they_are_compared() -> None:
    truth = np.ones((1, 16, 16))
    assert scores.score(truth + 3, truth)["psnr"] == 99


def test_frames_without_numbers_are_refused() -> None:
    truth = np.zeros((1, 16, 16))
    with pytest.raises(ValueError, match="no numbers"):
        scores.score(truth * np.nan, truth)
    with pytest.raises(ValueError, match="shape"):
        scores.score(truth[0], truth)


def test_doubt_that_orders_the_errors_has_correlation_one() -> None:
    truth = np.zeros((2, 32, 40))
    error = np.kron(np.random.default_rng(0).random((2, 4, 5)), np.ones((8, 8)))
    assert scores.confidence_score(error**2, error, truth) == pytest.approx(1)
    assert scores.confidence_score(-error, error, truth) == pytest.approx(-1)
    assert scores.confidence_score(truth, error, truth) is None


# Cases ----------------------------------------------------------------------------


def test_a_stack_is_read_with_uneven_times(tmp_path: Path) -> None:
    frames = np.arange(5 * 16 * 20, dtype=np.float32).reshape(5, 16, 20)
    tifffile.imwrite(tmp_path / "drift.tif", frames)
    entry = {"name": "drift", "times": [0, 30, 37, 40, 50]}
    (tmp_path / "manifest.json").write_text(json.dumps([entry]), encoding="utf-8")
    case = read_case(tmp_path / "drift.tif")
    assert case is not None
    assert case.times == pytest.approx((0.6, 0.74, 0.8))
    assert case.truth.shape == (3, 16, 20)
    assert case.first.min() == 0
    assert case.last.max() == 1
    assert case.field is None


def test_colours_are_averaged_and_holes_are_dark(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).random((3, 16, 20, 3)).astype(np.float32)
    frames[1, 2, 3] = np.nan
    tifffile.imwrite(tmp_path / "colour.tif", frames, photometric="rgb")
    case = read_case(tmp_path / "colour.tif")
    assert case is not None
    assert case.truth.shape == (1, 16, 20)
    ends = frames[[0, -1]].mean(axis=-1)
    assert case.truth[0, 2, 3] == pytest.approx(-ends.min() / np.ptp(ends), abs=1e-5)


def test_a_pair_has_nothing_to_compare_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "pair.tif", np.zeros((2, 16, 20), np.float32))
    assert stored_cases(tmp_path) == []
    assert stored_cases(tmp_path / "nowhere") == []
    said = capsys.readouterr().err
    assert "pair.tif has no frame" in said
    assert "nowhere is not there" in said


def test_outliers_are_clipped() -> None:
    frames = np.random.default_rng(0).random((3, 40, 40))
    frames[0, 0, 0] = 100
    case = make_case("outlier", "data", frames, range(3))
    assert case.truth.min() == 0
    assert case.truth.max() == 1
    assert case.truth.std() > 0.2


def test_large_frames_are_reduced_and_few_are_chosen() -> None:
    frames = np.random.default_rng(0).random((9, 20, 1024))
    case = make_case("large", "data", frames, range(9))
    assert case.first.shape == (10, 512)
    assert case.times == (0.25, 0.5, 0.75)


def test_generated_scenes_are_chosen_by_name() -> None:
    (case,) = generated_cases(lambda name: "rotation" in name)
    assert case.name == "generated_rotation_cracks"
    assert case.truth.shape == (3, *case.first.shape)


# Fields ---------------------------------------------------------------------------


def test_gaps_do_not_count_and_land_is_separate(tmp_path: Path) -> None:
    shape = (8, 10)
    gaps = np.zeros((3, *shape), bool)
    gaps[2, 0] = True
    land = np.zeros(shape, bool)
    land[:, :5] = True
    np.savez(tmp_path / "a_flow_total.npz", np.zeros((2, *shape), np.float32))
    np.savez(tmp_path / "a_gapmask.npz", gaps)
    np.savez(tmp_path / "a_landmask.npz", land)
    truth = read_field_truth(tmp_path, "a", shape)
    assert truth is not None
    found = np.zeros((2, *shape))
    found[:, 0] = 100
    found[0, 1:, 5:], found[1, 1:, 5:] = 3, 4
    error = field_error(found, truth)
    assert error == pytest.approx({"mean": 2.5, "median": 2.5, "land": 0, "rest": 5})
    assert read_field_truth(tmp_path, "b", shape) is None


def test_fields_of_stages_add_up() -> None:
    from napari_latentdyn.settings import Settings

    fields = np.zeros((4, 2, 24, 24), np.float32)
    fields[:, 0], fields[:, 1] = 0.5, -0.25
    went = total_displacement(fields, Settings().physics)
    truth = np.broadcast_to(np.reshape([2, -1], (2, 1, 1)), (2, 24, 24)).astype(np.float32)
    counted = np.ones((24, 24), bool)
    assert field_error(went, FieldTruth(truth, counted))["mean"] == pytest.approx(0, abs=1e-4)


# Methods --------------------------------------------------------------------------


def test_dissolve_and_hold(case: Case) -> None:
    mixed = RIVALS["blend"].make(case.first, case.last, [0.25])
    np.testing.assert_allclose(mixed.frames[0], 0.75 * case.first + 0.25 * case.last, atol=1e-6)
    held = RIVALS["hold"].make(case.first, case.last, [0.25, 0.75])
    np.testing.assert_array_equal(held.frames, [case.first, case.last])


def test_frames_of_a_known_flow() -> None:
    rows, columns = np.indices((40, 40))
    scene = np.exp(-((rows - 20) ** 2 + (columns - 16) ** 2) / 18).astype(np.float32)
    moved = np.roll(scene, 8, axis=1)
    there = np.zeros((2, 40, 40))
    there[1] = 8
    half = flows.between(scene, moved, [0.5], there, -there)[0]
    np.testing.assert_allclose(half, np.roll(scene, 4, axis=1), atol=1e-3)


def test_a_rival_without_its_library_gives_a_row_with_the_reason(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    row = runs.Runner(tmp_path).run(case, METHODS["flow_dis"])
    assert row["error"] == "opencv-python-headless is not installed"


def test_a_refused_setting_gives_a_row_with_the_reason(case: Case, tmp_path: Path) -> None:
    method = Method("odd", preset="standard", changes={"model.nonsense": 1})
    row = runs.Runner(tmp_path).run(case, method)
    assert "model.nonsense" in row["error"]


def test_a_method_runs_in_a_process_of_its_own(case: Case, tmp_path: Path) -> None:
    runner = runs.Runner(tmp_path, threads=1)
    row = runner.run(case, METHODS["blend"])
    assert 0 < row["psnr"] < 20
    assert row["seconds"] < 5
    assert row["peak_mb"] > 10
    assert np.load(tmp_path / "frames" / "noise__blend.npy").shape == case.truth.shape
    # Nothing changed: the row is kept. Other threads: it is run again.
    assert runner.run(case, METHODS["blend"], row) is row
    assert runs.fingerprint(case, METHODS["blend"], 2) != row["fingerprint"]


def test_methods_are_chosen_by_name() -> None:
    assert [m.name for m in methods.choose(["blend", "quick"], False)] == ["blend", "quick"]
    assert len(methods.choose(None, False)) == sum(
        map(len, (methods.PRESETS, methods.VARIANTS, RIVALS))
    )
    assert {m.name for m in methods.choose(["blend"], True)} > {"blend", "standard"}
    with pytest.raises(ValueError, match="known are quick"):
        methods.choose(["nonsense"], False)


# Tables ---------------------------------------------------------------------------


def row(psnr: float, **more: object) -> dict[str, object]:
    figures = {"psnr": psnr, "ssim": psnr / 40, "grmse": 0.1, "sharp": 1, "seconds": 2.0}
    return {"source": "run", **figures, "peak_mb": 100, **more}


@pytest.fixture
def results() -> Results:
    results = Results()
    for name in ("ice_drift", "clouds"):
        results.add_case(name, "data", [0.5], [16, 16])
        results.put(name, "standard", row(30, confidence=0.5, difference=0.25))
        results.put(name, "flow_dis", {"source": "run", "error": "cv2 is not installed"})
    results.put("ice_drift", "standard", row(32, field={"mean": 0.5}))
    results.put("ice_drift", "flow_tvl1", row(33, field={"mean": 0.75}))
    given = {"psnr": 31.0, "ssim": 0.8, "wall": 1.5, "peak_mb": 9, "grmse": 0.1, "sharp": 1}
    results.take_over(
        {
            "ice_drift": {"rife3": given, "flow_tvl1": given, "flow_dis": given},
            "clouds": {"rife3": given, "flow_tvl1": given},
            "unknown": {"rife3": given},
        }
    )
    return results


def test_rows_are_taken_over_where_nothing_ran(results: Results) -> None:
    assert results.get("ice_drift", "rife3")["source"] == TAKEN_OVER
    assert results.get("ice_drift", "rife3")["seconds"] == 1.5
    assert results.value("ice_drift", "flow_tvl1", "psnr") == 33
    assert results.value("ice_drift", "flow_dis", "psnr") is None
    assert results.best_rival("ice_drift", "psnr") == "flow_tvl1"
    assert results.best_single_rival(["ice_drift", "clouds"], "psnr") == "flow_tvl1"


def test_tables_with_rows_that_are_missing_or_taken_over(results: Results) -> None:
    lines = tables.page(results).splitlines()
    assert "| RIFE 3 † | 31.00 | 0.8000 | 0.1000 | 1.00 | 1.5 | 9 | 2/2 |" in lines
    assert "| **standard** | 31.00 | 0.7750 | 0.1000 | 1.00 | 2.0 | 100 | 2/2 |" in lines
    assert "| DIS flow |  |  |  |  |  |  | 0/2 |" in lines
    assert "- DIS flow: cv2 is not installed" in lines
    # Case by case: TV-L1 ran in one case and was taken over in the other.
    assert "| TV-L1 flow | **33.00** | **31.00** † | 32.00 |" in lines
    assert "| *standard − the best rival of the case* | −1.00 | −1.00 | −1.00 |" in lines
    assert "Best rival: TV-L1 flow, 0.75 px in the mean." in lines
    assert "| standard | 0.50 | 0.25 | 1 |" in lines
    assert lines[-1].startswith("†")


def test_ablations_are_compared_on_the_same_cases(results: Results) -> None:
    results.put("clouds", ablated("one member"), row(29.5))
    results.put("clouds", ablated("no leaning"), {"source": "run", "error": "no such setting"})
    text = tables.page(results)
    assert "| one member | 29.50 | −0.50 | 0.7375 | −0.0125 |  |  | 2.0 | 1/2 |" in text
    assert "- standard: no leaning (clouds): no such setting" in text
    # They have no place among the methods.
    assert "one member" not in text.partition("## What the parts are worth")[0]


def test_results_survive_the_file(results: Results, tmp_path: Path) -> None:
    results.write(tmp_path / "accuracy.json")
    assert Results.read(tmp_path / "accuracy.json").data == results.data
    assert Results.read(tmp_path / "nothing.json").data["cases"] == {}


def test_no_results_make_an_empty_page() -> None:
    assert tables.page(Results()).strip() == ""


def test_numbers() -> None:
    assert number(None, 2) == ""
    assert number(-0.5, 2) == "−0.50"
    assert number(0.5, 1, sign=True) == "+0.5"


def test_only_what_is_between_the_markers_changes() -> None:
    page = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    assert splice(page, "new\n") == f"above\n{BEGIN}\n\nnew\n\n{END}\nbelow\n"
    assert splice(splice(page, "new"), "new") == splice(page, "new")
    with pytest.raises(ValueError, match="no lines"):
        splice("without", "new")


# The command ----------------------------------------------------------------------


def test_the_command_from_a_stack_to_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out, docs = tmp_path / "data", tmp_path / "out", tmp_path / "page.md"
    data.mkdir()
    frames = np.random.default_rng(0).random((4, 16, 20)).astype(np.float32)
    tifffile.imwrite(data / "noise.tif", frames, photometric="minisblack")
    docs.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    options = [f"--data={data}", f"--rivals={tmp_path / 'no.json'}", f"--out={out}", "--threads=1"]
    options += ["--cases=noise", "--methods=blend", f"--docs={docs}"]
    assert cli.main(options) == 0
    assert "| cross-dissolve |" in docs.read_text(encoding="utf-8")
    assert cli.main([*options, "--resume"]) == 0
    assert "(kept)" in capsys.readouterr().out
    assert cli.main([*options, "--no-run"]) == 0
    assert cli.main(["--methods=nonsense"]) == 2


def test_the_page_of_the_documentation_has_its_markers(root: Path) -> None:
    page = (root / "docs" / "accuracy.md").read_text(encoding="utf-8")
    splice(page, "")


# What networks and training add --------------------------------------------------


def test_parts_are_measured_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "STEPS", 1)
    docs = tmp_path / "page.md"
    docs.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    frames = np.random.default_rng(0).random((3, 24, 32)).astype(np.float32)
    tifffile.imwrite(tmp_path / "noise.tif", frames, photometric="minisblack")
    options = [f"--data={tmp_path}", f"--out={tmp_path / 'out'}", "--presets=quick"]
    options.append(f"--docs={docs}")
    assert parts.main([*options, "--no-training"]) == 0
    assert "training |" not in docs.read_text(encoding="utf-8").replace("(no training) |", "")
    assert parts.main(options) == 0
    page = docs.read_text(encoding="utf-8")
    assert all(title in page for title in parts.VARIANTS.values())
    rows = json.loads((tmp_path / "out" / "parts.json").read_text(encoding="utf-8"))
    row = rows["quick"]["noise"]
    # Matching with the decoder of the prior is something else than matching alone.
    assert len({row[key]["psnr"] for key in ("untrained", "without_d", "without_f")}) > 1
    capsys.readouterr()
    assert parts.main(options) == 0
    assert "quick     noise" not in capsys.readouterr().out


def test_parts_are_compared_with_matching_alone() -> None:
    def case(**values: float) -> dict[str, dict[str, float]]:
        return {key: {"psnr": v, "ssim": 0.9, "seconds": 2.0} for key, v in values.items()}

    rows = {"quick": {"a": case(matching=20.0, untrained=19.0), "b": case(matching=30.0)}}
    whole, alone = parts.parts_table(rows).splitlines()[2:]
    assert whole.startswith("| `quick` | F, matching, D (no training) | 19.00 | 0.9000 | −1.00 |")
    assert alone.startswith("| `quick` | matching only (no network) | 25.00 | 0.9000 | +0.00 |")
    assert (whole[-9:], alone[-9:]) == ("2.0 | 1 |", "2.0 | 2 |")
