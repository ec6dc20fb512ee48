"""Methods of the benchmark, and what networks and training add."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from benchmarks.accuracy import flows, methods, parts, runs
from benchmarks.accuracy.cases import Case, make_case
from benchmarks.accuracy.markdown import BEGIN, END
from benchmarks.accuracy.methods import METHODS, Method
from benchmarks.accuracy.rivals import RIVALS


@pytest.fixture
def case() -> Case:
    frames = np.random.default_rng(0).random((5, 24, 32))
    return make_case("noise", "data", frames, range(5))


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
