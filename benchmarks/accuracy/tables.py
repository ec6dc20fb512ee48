"""The tables of a page: means, case by case, fields, confidence, scenes, ablations."""

from __future__ import annotations

from benchmarks.accuracy.ablations import ABLATIONS
from benchmarks.accuracy.markdown import number, table
from benchmarks.accuracy.methods import MAIN_PRESET, ablated, label_of
from benchmarks.accuracy.results import Results

__all__ = ["page"]

DAGGER = "†"
_DIGITS = {"psnr": 2, "ssim": 4, "grmse": 4, "sharp": 2, "seconds": 1, "peak_mb": 0}
_TITLES = {
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "grmse": "gradient RMSE",
    "sharp": "sharpness",
    "seconds": "seconds",
    "peak_mb": "peak MB",
}


def page(results: Results) -> str:
    """Return all tables that there is anything for, as Markdown."""
    data, generated = results.cases("data"), results.cases("generated")
    parts = []
    if data:
        parts += ["## Means", mean_table(results, data)]
        parts += ["## PSNR, case by case", case_table(results, data, "psnr")]
        parts += ["## SSIM, case by case", case_table(results, data, "ssim")]
    if field := field_table(results, data):
        parts += ["## Error of the motion", field]
    if confidence := confidence_table(results, [*data, *generated]):
        parts += ["## Confidence", confidence]
    if generated:
        parts += ["## Generated scenes", scenes_table(results, generated)]
    if ablation := ablation_table(results, data):
        parts += ["## What the parts are worth", ablation]
    if any(results.was_taken_over(c, m) for c in data for m in results.methods([c])):
        parts.append(f"{DAGGER} taken over from given figures, and not run here.")
    return "\n\n".join(parts) + "\n"


def mean_table(results: Results, cases: list[str]) -> str:
    """Return the means over the cases, the best PSNR first and what lacks cases last."""
    rows = []
    for name in _ranked(results, cases, "psnr"):
        count = sum(results.value(case, name, "psnr") is not None for case in cases)
        cells = [number(results.mean(name, key, cases), _DIGITS[key]) for key in _TITLES]
        rows.append([_label(results, name, cases), *cells, f"{count}/{len(cases)}"])
    header = ["method", *_TITLES.values(), "cases"]
    return table(header, rows) + _reasons(results, cases, results.methods(cases))


def case_table(results: Results, cases: list[str], key: str) -> str:
    """Return one figure of every method in every case, the best in bold."""
    digits = _DIGITS[key]
    names = _ranked(results, cases, key)
    best = {}
    for case in cases:
        values = [results.value(case, name, key) for name in names]
        best[case] = max((round(v, digits) for v in values if v is not None), default=None)
    rows = []
    for name in names:
        cells = []
        for case in cases:
            value = results.value(case, name, key)
            cell = number(value, digits)
            if value is not None and round(value, digits) == best[case]:
                cell = f"**{cell}**"
            cells.append(cell + _dagger(results, name, case, cases))
        mean = results.mean(name, key, cases) if results.complete(name, key, cases) else None
        rows.append([_label(results, name, cases), *cells, number(mean, digits)])
    single = results.best_single_rival(cases, key)
    rows.append(_difference_row(results, cases, key, "the best rival of the case", None))
    if single is not None:
        title = f"{label_of(single)}, the best single rival"
        rows.append(_difference_row(results, cases, key, title, single))
    return table(["method", *map(_words, cases), "mean"], rows)


def _difference_row(
    results: Results, cases: list[str], key: str, title: str, rival: str | None
) -> list[str]:
    """Return the preset less a rival in every case; None takes the best of each case."""
    gains = []
    for case in cases:
        other = rival or results.best_rival(case, key)
        ours = results.value(case, MAIN_PRESET, key)
        theirs = None if other is None else results.value(case, other, key)
        gains.append(None if ours is None or theirs is None else ours - theirs)
    known = [gain for gain in gains if gain is not None]
    mean = sum(known) / len(known) if len(known) == len(cases) else None
    cells = [number(gain, _DIGITS[key], sign=True) for gain in [*gains, mean]]
    return [f"*{MAIN_PRESET} − {title}*", *cells]


def field_table(results: Results, cases: list[str]) -> str:
    """Return the end-point errors, the best mean first, and which rival flow is best."""
    names = {m for case in cases for m in results.methods([case])}
    known = [c for c in cases if any(results.value(c, m, "field.mean") is not None for m in names)]
    if not known:
        return ""
    columns: list[tuple[str, str]] = []
    for case in known:
        land = any(results.value(case, name, "field.land") is not None for name in names)
        parts = ("mean", "median", "land", "rest") if land else ("mean",)
        columns += [(case, part) for part in parts]
    means = {n: m for n in names if (m := results.mean(n, "field.mean", known)) is not None}
    order = sorted(means, key=lambda n: (not results.complete(n, "field.mean", known), means[n], n))
    rows = [
        [label_of(n), *(number(results.value(c, n, f"field.{p}"), 2) for c, p in columns)]
        for n in order
    ]
    text = table(["method", *(f"{_words(c)}: {p} (px)" for c, p in columns)], rows)
    flows = [n for n in order if results.is_rival(n)]
    if flows:
        text += f"\n\nBest rival: {label_of(flows[0])}, {means[flows[0]]:.2f} px in the mean."
    return text


def confidence_table(results: Results, cases: list[str]) -> str:
    """Return how well doubt ranks errors, beside the difference of the two images."""
    rows = []
    for name in results.methods(cases):
        known = [c for c in cases if results.value(c, name, "confidence") is not None]
        if known:
            means = [results.mean(name, key, known) for key in ("confidence", "difference")]
            rows.append([name, *(number(mean, 2) for mean in means), str(len(known))])
    header = ["method", "rank correlation of doubt", "of the images' difference", "cases"]
    return table(header, rows) if rows else ""


def scenes_table(results: Results, cases: list[str]) -> str:
    """Return PSNR and SSIM on the generated scenes."""
    keys = ("psnr", "ssim")
    rows = []
    for name in _ranked(results, cases, "psnr"):
        cells = [
            number(results.value(case, name, key), _DIGITS[key]) for case in cases for key in keys
        ]
        mean = number(results.mean(name, "seconds", cases), 1)
        rows.append([_label(results, name, cases), *cells, mean])
    header = [
        f"{_words(case.removeprefix('generated_'))}: {_TITLES[key]}"
        for case in cases
        for key in keys
    ]
    text = table(["method", *header, "seconds"], rows)
    return text + _reasons(results, cases, results.methods(cases))


def ablation_table(results: Results, cases: list[str]) -> str:
    """Return what changes where one part is taken away, on the cases that both have."""
    keys = {name: ablated(name) for name in ABLATIONS}
    if not any(results.get(case, key) for key in keys.values() for case in cases):
        return ""
    rows = []
    for title, key in {MAIN_PRESET: MAIN_PRESET, **keys}.items():
        both = [
            c
            for c in cases
            if None not in (results.value(c, key, "psnr"), results.value(c, MAIN_PRESET, "psnr"))
        ]
        cells = []
        for figure, digits in (("psnr", 2), ("ssim", 4), ("field.mean", 2)):
            ours, whole = (results.mean(m, figure, both) for m in (key, MAIN_PRESET))
            gain = None if ours is None or whole is None or key == MAIN_PRESET else ours - whole
            cells += [number(ours, digits), number(gain, digits, sign=True)]
        seconds = number(results.mean(key, "seconds", both), 1)
        rows.append([title, *cells, seconds, f"{len(both)}/{len(cases)}"])
    header = ["", "PSNR (dB)", "change", "SSIM", "change", "field error (px)", "change"]
    text = table([*header, "seconds", "cases"], rows)
    return text + _reasons(results, cases, list(keys.values()))


def _ranked(results: Results, cases: list[str], key: str) -> list[str]:
    """Return the methods, the best mean first; what lacks a case comes after the others."""

    def rank(name: str) -> tuple[bool, float, str]:
        mean = results.mean(name, key, cases)
        return not results.complete(name, key, cases), -(mean or float("-inf")), name

    return sorted(results.methods(cases), key=rank)


def _label(results: Results, name: str, cases: list[str]) -> str:
    label = label_of(name)
    if not results.is_rival(name):
        return f"**{label}**"
    sources = [results.was_taken_over(case, name) for case in cases if results.get(case, name)]
    return f"{label} {DAGGER}" if sources and all(sources) else label


def _dagger(results: Results, name: str, case: str, cases: list[str]) -> str:
    """Mark a single figure where others of its row were run."""
    ran = any(results.get(c, name).get("source") == "run" for c in cases)
    return f" {DAGGER}" if ran and results.was_taken_over(case, name) else ""


def _reasons(results: Results, cases: list[str], methods: list[str]) -> str:
    lines = []
    for method, reasons in results.reasons(cases, methods).items():
        for reason, where in reasons.items():
            missing = "" if len(where) == len(cases) else f" ({', '.join(map(_words, where))})"
            lines.append(f"- {label_of(method)}{missing}: {reason}")
    return "\n\nNot measured:\n\n" + "\n".join(lines) if lines else ""


def _words(name: str) -> str:
    return name.replace("_", " ")
