"""What the documentation shows of Python runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(page: Path) -> list[tuple[int, str]]:
    """Return the Python of a page with the line at which each piece begins."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start(1)), m.group(1)) for m in BLOCK.finditer(text)]


def test_the_page_on_python_runs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = root / "docs" / "notebooks.md"
    pieces = examples(page)
    assert len(pieces) >= 8
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for line, code in pieces:
        # With its own line numbers a failure points into the page.
        exec(compile("\n" * line + code, str(page), "exec"), names)
    # The page says that tracers stay within a pixel of the true motion, which is more than that.
    moved = np.asarray(names["true_paths"])[:, [0, -1]]
    assert np.hypot(*np.moveaxis(np.diff(moved, axis=1), -1, 0)).min() > 3
    assert names["lines"]
    assert (tmp_path / "rotation" / "report.json").is_file()
