from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from benchmarks.tutorials import onesided
from benchmarks.tutorials.cases import CASES, METHODS, read_case
from benchmarks.tutorials.fill import fill, scene_table, told
from benchmarks.tutorials.pages import filled, pages
from benchmarks.tutorials.which import Accuracy
from scipy import ndimage


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_no_figure_was_typed_by_hand(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_every_mark_of_a_page_is_filled(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    marks = re.findall(r'<span data-is="[^"]+">([^<]*)</span>', text)
    assert len(marks) == text.count("data-is") > 3
    assert all(re.fullmatch(r"−?[0-9.]+", mark) for mark in marks)


def test_pictures_stay_small(root: Path) -> None:
    sizes = [p.stat().st_size for p in (root / "docs" / "images" / "tutorials").glob("*.webp")]
    assert max(sizes) < 300e3
    assert sum(sizes) < 2.5e6


def test_figures_and_tables_are_put_in_anew() -> None:
    page = 'It is <span data-is="a.b.psnr">1</span> dB.\n<!-- table: t -->\nold\n<!-- /table -->\n'
    new = fill(page, lambda name: f"[{name}]", lambda name: f"({name})")
    assert '<span data-is="a.b.psnr">[a.b.psnr]</span> dB' in new
    assert "<!-- table: t -->\n\n(t)\n\n<!-- /table -->" in new
    with pytest.raises(KeyError):
        fill(page, {}.__getitem__, str)


def test_a_table_has_a_line_for_each_method_and_no_empty_columns() -> None:
    figures = {"truth": {"fixed": 0.2}, **{name: {"fixed": 0.5, "seconds": 1} for name in METHODS}}
    lines = scene_table(figures).splitlines()
    assert lines[0] == "| method | fixed share (%) | seconds |"
    assert lines[2] == "| *truth* | 20 |  |"
    assert len(lines) == 3 + len(METHODS)
    assert told("fixed", 0.456) == "46"
    assert told("psnr", None) == ""


def test_leads_are_taken_from_the_page_on_accuracy(root: Path) -> None:
    accuracy = Accuracy((root / "docs" / "accuracy.md").read_text(encoding="utf-8"))
    ours, theirs = (
        float(accuracy.value("PSNR, case by case", m, "ocean med adt"))
        for m in ("standard", "DIS flow, tuned")
    )
    assert accuracy.behind("ocean med adt") == pytest.approx(ours - theirs)
    assert accuracy.lead(synthetic=True) > accuracy.lead(synthetic=False)


def test_tables_of_the_page_on_accuracy_are_read() -> None:
    page = (
        "## Means\n\n| method | PSNR (dB) |\n| --- | ---: |\n| **quick** | 27.6 |\n| OT † | 2 |\n"
    )
    accuracy = Accuracy(page)
    assert accuracy.value("Means", "quick", "PSNR (dB)") == "27.6"
    assert accuracy.value("Means", "OT", "PSNR (dB)") == "2"
    with pytest.raises(KeyError):
        accuracy.value("Means", "standard", "PSNR (dB)")


@pytest.mark.parametrize("name", CASES)
def test_a_scene_holds_what_its_pictures_show(name: str) -> None:
    case = read_case(name)
    assert case.asked[0] == 0
    assert case.asked[-1] == 1
    for time in (*case.shown, *case.middle, case.zoom[0]):
        assert np.abs(case.asked - time).min() < 1e-6
        assert case.truth(time) is not None or not case.has_truth
    _, row, column, side = case.zoom
    assert row + side <= case.frames.shape[-2]
    assert column + side <= case.frames.shape[-1]


def test_one_sided_advection_follows_a_drift_and_blurs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onesided, "_STEPS", (60, 40, 30, 10))
    noise = np.random.default_rng(0).normal(size=(64, 80))
    texture = ndimage.gaussian_filter(noise, 1.5).astype(np.float32)
    first, half, last = (texture[None, :, 6 - shift : 70 - shift] for shift in (0, 3, 6))
    frames, velocity = onesided.one_sided_advection(first, last, np.array([0.0, 0.5]))
    assert velocity.shape == (8, 2, 64, 64)
    assert np.allclose(frames[0], first)
    inner = np.s_[12:-12, 12:-12]
    assert velocity.sum(axis=0)[1][inner].mean() == pytest.approx(6, abs=0.3)
    assert np.corrcoef(frames[1, 0][inner].ravel(), half[0][inner].ravel())[0, 1] > 0.95
    assert frames[1, 0][inner].std() < 0.95 * half[0][inner].std()
