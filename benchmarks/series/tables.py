"""Tables of the series as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.series.methods import METHODS

__all__ = ["write_tables"]

_BEGIN, _END = "<!-- tables -->", "<!-- /tables -->"
#: The method that gains are counted from.
_BASE = "quick, pairs"

Rows = dict[str, dict[str, Any]]


def write_tables(rows: Rows, path: Path, page: Path | None) -> None:
    """Write the tables to a file, and between the markers of a page."""
    groups = {
        "Real and simulated sequences": [n for n in rows if not n.startswith("generated_")],
        "Generated series": [n for n in rows if n.startswith("generated_")],
    }
    parts = [_table(title, names, rows) for title, names in groups.items() if names]
    text = "\n\n".join(parts) + "\n"
    path.write_text(text)
    if page is not None:
        before, rest = page.read_text().split(_BEGIN)
        after = rest.split(_END)[1]
        page.write_text(f"{before}{_BEGIN}\n\n{text}\n{_END}{after}")


def _table(title: str, names: Sequence[str], rows: Rows) -> str:
    methods = [m for m in METHODS if all(m in rows[name] for name in names)]
    head = ["method", *(name.replace("generated_", "").replace("_", " ") for name in names)]
    head += ["mean", f"gain over `{_BASE}`", "worst", "SSIM", "sharpness", "time"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    base = {name: rows[name].get(_BASE) for name in names}
    for method in methods:
        own = [rows[name][method] for name in names]
        line = [method, *(f"{one['psnr']:.2f}" for one in own), f"{_mean(own, 'psnr'):.2f}"]
        if all(base.values()):
            gains = [one["psnr"] - base[name]["psnr"] for one, name in zip(own, names, strict=True)]
            seconds = sum(one["seconds"] for one in own) / sum(b["seconds"] for b in base.values())
            line += [f"{np.mean(gains):+.2f}", f"{min(gains):+.2f}"]
        else:
            seconds = float("nan")
            line += ["", ""]
        line += [f"{_mean(own, 'ssim'):.4f}", f"{_mean(own, 'sharp'):.2f}", f"{seconds:.2f}"]
        lines.append(line)
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"### {title}\n\n{table}"


def _mean(rows: Sequence[dict[str, Any]], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))
