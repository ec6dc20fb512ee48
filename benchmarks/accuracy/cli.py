"""The command: which methods run on which cases, and what is written."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import metadata
from pathlib import Path

from benchmarks.accuracy.ablations import ABLATIONS
from benchmarks.accuracy.cases import Case, generated_cases, stored_cases
from benchmarks.accuracy.markdown import splice
from benchmarks.accuracy.methods import METHODS, Method, ablated, choose
from benchmarks.accuracy.results import Results
from benchmarks.accuracy.runs import Runner
from benchmarks.accuracy.tables import page

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        methods = choose(options.methods, options.ablation)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    path = options.out / "accuracy.json"
    keep = options.resume or options.no_run
    if path.exists() and not keep:
        path.replace(path.with_name("accuracy.previous.json"))
    results = Results.read(path)
    if not options.no_run:
        cases = _cases(options)
        if not cases:
            print("there is no such case.", file=sys.stderr)
            return 2
        for case in cases:
            results.add_case(case.name, case.group, list(case.times), list(case.first.shape))
        results.data["about"] = _about(options.threads)
        _run_all(cases, methods, results, path, options)
    if options.rivals.is_file():
        results.take_over(json.loads(options.rivals.read_text(encoding="utf-8")))
    else:
        print(f"{options.rivals} is not there: nothing is taken over.", file=sys.stderr)
    results.write(path)
    text = page(results)
    (options.out / "accuracy.md").write_text(text, encoding="utf-8")
    print(text)
    if options.docs:
        written = splice(options.docs.read_text(encoding="utf-8"), text)
        options.docs.write_text(written, encoding="utf-8")
    return _draw(results, options.out) if options.sheets else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description="Compare frames with true ones, beside the methods that others use.",
    )
    add = parser.add_argument
    add("--data", type=Path, default=Path("../shared/data"), help="folder with sequences")
    add(
        "--rivals",
        type=Path,
        default=Path("../shared/bench/rivals.json"),
        help="given figures, for what is not run here",
    )
    add("--out", type=Path, default=Path("build/accuracy"), help="folder to write")
    names = ", ".join(name for name in METHODS if not name.startswith(ablated("")))
    add("--methods", type=_names, help=f"of {names}, separated by commas; all by default")
    add("--cases", type=_names, default=[], help="only those whose name holds one of these")
    add("--ablation", action="store_true", help="also run standard without each of its parts")
    add("--sheets", action="store_true", help="draw a picture of every case (matplotlib)")
    add("--docs", type=Path, help="page that takes the tables between its markers")
    add("--resume", action="store_true", help="keep what was run with the same settings")
    add("--no-run", action="store_true", help="only make tables and sheets again")
    add("--threads", type=int, default=2, help="CPU threads of each run")
    add("--timeout", type=float, default=3600.0, help="seconds after which a run is ended")
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _cases(options: argparse.Namespace) -> list[Case]:
    def wanted(name: str) -> bool:
        return not options.cases or any(part in name for part in options.cases)

    return stored_cases(options.data, wanted) + generated_cases(wanted)


def _run_all(
    cases: list[Case],
    methods: list[Method],
    results: Results,
    path: Path,
    options: argparse.Namespace,
) -> None:
    """Run everything and write the results after each run."""
    runner = Runner(options.out, options.threads, options.timeout)
    changed = {ablated(name) for name in ABLATIONS}
    for case in cases:
        for method in methods:
            if case.group == "generated" and method.name in changed:
                continue
            known = results.get(case.name, method.name)
            row = runner.run(case, method, known)
            results.put(case.name, method.name, row)
            results.write(path)
            said = row.get("error") or (
                f"{row['psnr']:6.2f} dB  {row['ssim']:.4f}  {row['seconds']:7.1f} s  "
                f"{row['peak_mb']:6.0f} MB{'  (kept)' if row is known else ''}"
            )
            print(f"{case.name:28} {method.name:26} {said}", flush=True)


def _about(threads: int) -> dict[str, object]:
    """Return with what the figures were made."""
    versions = {}
    for name in ("napari-latentdyn", "torch", "scikit-image", "opencv-python-headless", "POT"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {"threads": threads, "versions": versions}


def _draw(results: Results, out: Path) -> int:
    try:
        from benchmarks.accuracy.sheets import draw_sheets

        for sheet in draw_sheets(results, out):
            print(sheet)
    except ImportError as error:
        print(f"no sheets: {error}", file=sys.stderr)
        return 1
    return 0
