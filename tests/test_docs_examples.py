"""What the documentation shows of Python runs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(page: Path) -> list[tuple[int, str]]:
    """Return the Python of a page with the line at which each piece begins."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start(1)), m.group(1)) for m in BLOCK.finditer(text)]


def run(page: Path, at_least: int) -> dict[str, object]:
    """Run all pieces of a page in their order, and return the names that they leave."""
    pieces = examples(page)
    assert len(pieces) >= at_least
    names: dict[str, object] = {}
    for line, code in pieces:
        # With its own line numbers a failure points into the page.
        exec(compile("\n" * line + code, str(page), "exec"), names)
    return names


def test_the_page_on_python_runs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = run(root / "docs" / "notebooks.md", 8)
    # The page says that tracers stay within a pixel of the true motion, which is more than that.
    moved = np.asarray(names["true_paths"])[:, [0, -1]]
    assert np.hypot(*np.moveaxis(np.diff(moved, axis=1), -1, 0)).min() > 3
    assert names["lines"]
    assert (tmp_path / "rotation" / "report.json").is_file()


@pytest.mark.parametrize("page", ["drift-past-land", "rotation-with-cracks", "new-cracks"])
def test_a_tutorial_runs_beside_its_images(
    page: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for image in (root / "docs" / "data").glob("*.tif"):
        shutil.copy(image, tmp_path)
    monkeypatch.chdir(tmp_path)
    run(root / "docs" / "tutorials" / f"{page}.md", 3)


def test_the_tutorial_on_series_runs(root: Path) -> None:
    names = run(root / "docs" / "tutorials" / "rain-series.md", 1)
    hidden, known, truth = (names[name] for name in ("hidden", "known", "images"))
    errors = [np.sqrt(np.mean((found - truth[1::2]) ** 2)) for found in (hidden, known)]
    assert errors[0] < 0.8 * errors[1], errors
