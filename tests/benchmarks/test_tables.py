"""Tables of the benchmark, and the command that writes its page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from benchmarks.accuracy import cli, tables
from benchmarks.accuracy.markdown import BEGIN, END, number, splice
from benchmarks.accuracy.methods import ablated
from benchmarks.accuracy.results import TAKEN_OVER, Results


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
