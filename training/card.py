"""Write the figures of the shipped prior into its model card: `python -m training.card`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open

from napari_latentdyn.core.training.prior import PRIOR_FILE

__all__ = ["main", "tables"]

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
_ROWS = 12


def main(arguments: list[str] | None = None) -> int:
    """Replace what stands between the markers of a page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.card", description=__doc__)
    parser.add_argument("--page", type=Path, default=Path("docs/prior.md"), help="the model card")
    parser.add_argument("--weights", type=Path, default=PRIOR_FILE, help="file of the weights")
    parsed = parser.parse_args(arguments)
    text = parsed.page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    parsed.page.write_text(
        f"{before}{BEGIN}\n\n{tables(parsed.weights)}\n{END}{after}", encoding="utf-8"
    )
    return 0


def tables(path: Path) -> str:
    """Return what is written beside the weights as tables of Markdown."""
    with safe_open(path, framework="np") as file:
        card = json.loads(file.metadata()["prior"])
        weights = sum(file.get_tensor(name).size for name in file.keys())  # noqa: SIM118
    figures, plan = card["figures"], card["plan"]
    facts = {
        "weights": f"{weights:,}, {path.stat().st_size / 1e6:.1f} MB in half precision",
        "optimiser steps": card["steps"],
        "pairs of images seen": f"{card['steps'] * plan['batch']:,}, of "
        f"{card['steps'] * plan['fresh']:,} scenes",
        "training time": f"{card['seconds'] / 60:.0f} minutes on "
        + (f"{plan['threads']} CPU thread(s)" if card["device"] == "cpu" else "one GPU"),
        "seed": plan["seed"],
        "commit": f"`{card['commit']}`",
        "PyTorch": card["torch"],
        "end-point error on unseen scenes": f"{figures['epe']:.2f} px, of "
        f"{figures['still']:.2f} px without motion",
        "frame half way on unseen scenes": f"{figures['psnr']:.1f} dB, of "
        f"{figures['dissolve']:.1f} dB for a cross-dissolve",
    }
    every = max(1, len(card["curves"]) // _ROWS)
    rows = card["curves"][every - 1 :: every]
    return "\n".join(
        [
            _table(("", ""), list(facts.items())),
            "Means over the steps before, on scenes with noise; the kinds of scenes grow harder",
            "in the beginning:",
            "",
            _table(
                ("step", "minutes", "end-point error (px)", "frames (dB)"),
                [
                    (r["step"], f"{r['seconds'] / 60:.0f}", f"{r['epe']:.2f}", f"{r['psnr']:.1f}")
                    for r in rows
                ],
            ),
        ]
    )


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
