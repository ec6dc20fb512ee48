"""Make the pictures and figures of the tutorials.

    python -m benchmarks.tutorials [--out build/tutorials] [--pages]

runs every method on every scene (what is in the output folder is not run again;
an hour and a half on one core from nothing), draws the pictures in
`docs/images/tutorials`, and writes the figures into the pages.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.tutorials.cases import CASES, read_case  # noqa: E402
from benchmarks.tutorials.figures import measure  # noqa: E402
from benchmarks.tutorials.pages import filled, pages, write_figures  # noqa: E402
from benchmarks.tutorials.runs import read_made, run_all  # noqa: E402


def main() -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tutorials")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "tutorials", help="results")
    parser.add_argument("--pages", action="store_true", help="only write the figures into pages")
    options = parser.parse_args()
    if not options.pages:
        run_all(options.out)
        _measure_and_draw(options.out)
    for page in pages():
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(page)
    return 0


def _measure_and_draw(out: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from benchmarks.tutorials.pictures import contact_sheet, zoom_sheet
    from benchmarks.tutorials.tracers import tracer_sheet

    images = ROOT / "docs" / "images" / "tutorials"
    figures = {}
    for name in CASES:
        case = read_case(name)
        made = read_made(out, case)
        figures[name] = measure(case, made)
        contact_sheet(case, made, images / f"{name}_frames.webp")
        zoom_sheet(case, made, images / f"{name}_zoom.webp")
        if name == "rotation":
            tracer_sheet(case, made, images / f"{name}_tracers.webp")
    write_figures(figures)


if __name__ == "__main__":
    sys.exit(main())
