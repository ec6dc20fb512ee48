"""The command: which parts are measured, and where figures and tables are written."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.accuracy.markdown import splice
from benchmarks.speed.parts import PARTS, rows
from benchmarks.speed.runs import Runner
from benchmarks.speed.tables import page, said

__all__ = ["main"]

_SIDES = (64, 16384)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        sizes, parts = _checked(options)
        if options.docs:
            # Before hours of measuring.
            splice(options.docs.read_text(encoding="utf-8"), "")
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    for part in [] if options.no_run else parts:
        found: dict[str, Any] = {"about": _about(options), "rows": []}
        for row in _rows(part, sizes, options):
            found["rows"].append(row)
            _write(_file(options.out, part), found)
            print(f"{part:10} {said(row)}", flush=True)
    text = page({part: _read(_file(options.out, part)) for part in PARTS})
    (options.out / "speed.md").write_text(text, encoding="utf-8")
    if options.docs:
        written = splice(options.docs.read_text(encoding="utf-8"), text)
        options.docs.write_text(written, encoding="utf-8")
    print(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description="Measure time and memory of the presets, beside other methods.",
    )
    add = parser.add_argument
    add("--sizes", default="256,512,1024,2048", help="sides of the images in pixels")
    add("--repeats", type=int, default=3, help="rounds in which methods are timed in turn")
    add("--only", default=",".join(PARTS), help=f"parts of {', '.join(PARTS)}; all by default")
    add("--threads", type=int, default=1, help="CPU threads of each process")
    add("--steps", type=int, help="steps of the reference; those of the preset paper by default")
    add("--data", type=Path, default=Path("../shared/data"), help="folder with sequences")
    add("-o", "--out", type=Path, default=Path("build/speed"), help="folder to write")
    add("--docs", type=Path, help="page that takes the tables between its markers")
    add("--no-run", action="store_true", help="only make the tables again")
    return parser


def _checked(options: argparse.Namespace) -> tuple[list[int], list[str]]:
    """Return the sizes and the parts.

    Raises
    ------
    ValueError
        If an option is wrong, with a sentence that names it.
    """
    low, high = _SIDES
    try:
        sizes = sorted({int(size) for size in options.sizes.split(",")})
    except ValueError:
        sizes = []
    if not sizes or sizes[0] < low or sizes[-1] > high:
        raise ValueError(
            f"--sizes must be integers from {low} to {high}, separated by commas; "
            f"got '{options.sizes}'."
        )
    parts = [part.strip() for part in options.only.split(",")]
    for part in parts:
        if part not in PARTS:
            raise ValueError(f"--only must be of {', '.join(PARTS)}; got '{part}'.")
    for name in ("repeats", "threads", "steps"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name} must be at least 1; got {value}.")
    return sizes, parts


def _rows(part: str, sizes: list[int], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    runner = Runner(options.repeats, options.threads)
    if part == "reference":
        # The cases need PyTorch, which the other parts load in their processes alone.
        from benchmarks.speed.race import CASES

        for case in CASES:
            yield runner.race(case, options.data, options.steps)
        return
    for label, subjects in rows(part, sizes):
        yield runner.row(label, subjects)


def _about(options: argparse.Namespace) -> dict[str, Any]:
    """Return with what the figures were made."""
    versions: dict[str, str | None] = {}
    for name in ("torch", "opencv-python-headless"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "repeats": options.repeats,
        "threads": options.threads,
        "processor": _processor(),
        "versions": versions,
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _file(out: Path, part: str) -> Path:
    return out / f"{part}.json"


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _write(path: Path, found: dict[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
