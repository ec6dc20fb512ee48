"""The tables of the speed page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from benchmarks.accuracy.markdown import number, table

__all__ = ["NEAR", "noise", "page", "reached", "said", "spread"]

#: How close in dB to its final accuracy the reference counts as being there.
NEAR = 0.05

Row = dict[str, Any]
Found = dict[str, Any]


def page(parts: dict[str, Found | None]) -> str:
    """Return all tables.

    Parameters
    ----------
    parts : dict
        For each part its "rows" and what they were measured with ("about"), or None.
    """
    makers: dict[str, tuple[str, Callable[[list[Row]], str]]] = {
        "sizes": ("By pixels", _sizes),
        "standard": ("`standard` against `quick`", _standard),
        "counts": ("By stages, members and channels", _counts),
        "frames": ("Three frames and arrows of 1024 x 1024 pixels", _frames),
        "reference": ("`standard` against the reference", _reference),
    }
    sections = []
    for part, (title, make) in makers.items():
        found = parts.get(part)
        if not found:
            continue
        good = [row for row in found["rows"] if "error" not in row]
        failed = [f"- {row['label']}: {row['error']}" for row in found["rows"] if "error" in row]
        texts = [f"### {title}", make(good) if good else "", "\n".join(failed), _about(found)]
        sections.append("\n\n".join(text for text in texts if text))
    return "\n\n".join(sections) + "\n"


def said(row: Row) -> str:
    """Return one line about a row while the benchmark runs."""
    if "error" in row:
        return f"{row['label']:28} {row['error']}"
    if "reference" in row:
        return f"{row['label']:28} standard {spread(_ours(row))} s"
    times = "  ".join(f"{name} {spread(times)} s" for name, times in row["seconds"].items())
    return f"{row['label']:28} {times}  noise {noise(row['probe'])}"


def spread(values: Sequence[float]) -> str:
    """Return the median, and the smallest and the largest value if there are several."""
    middle = _figure(median(values))
    return f"{middle} ({_figure(min(values))}–{_figure(max(values))})" if values[1:] else middle


def noise(probe: Sequence[float]) -> str:
    """Return the range of a fixed computation's times as a part of their median."""
    return f"{100 * (max(probe) - min(probe)) / median(probe):.0f} %"


def reached(curve: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return when a curve of (step, seconds, PSNR) first comes near its last PSNR.

    Returns
    -------
    (float, float)
        Step and seconds.
    """
    last = curve[-1][2]
    step, seconds = next((step, seconds) for step, seconds, psnr in curve if psnr >= last - NEAR)
    return step, seconds


def _sizes(rows: list[Row]) -> str:
    header = ["pixels", "`quick` (s)", "DIS flow, tuned (s)", "`quick` / DIS", "µs per pixel"]
    header += ["`quick` (MB)", "DIS (MB)", "noise"]
    lines, each = [], {}
    for row in rows:
        quick = row["seconds"]["quick"]
        pixels = [1e6 * seconds / row["size"] ** 2 for seconds in quick]
        each[_square(row)] = median(pixels)
        cells = [_square(row), spread(quick), spread(row["seconds"]["flow"])]
        cells += [_ratio(row, "quick", "flow"), spread(pixels)]
        lines.append([*cells, *_memory(row, "quick", "flow"), noise(row["probe"])])
    low, high = min(each, key=each.__getitem__), max(each, key=each.__getitem__)
    text = table(header, lines)
    if len(each) > 1:
        text += (
            f"\n\nTime of `quick` per pixel: {_figure(each[low])} µs at {low} to "
            f"{_figure(each[high])} µs at {high}, a factor of {number(each[high] / each[low], 2)}."
        )
    return text


def _standard(rows: list[Row]) -> str:
    header = ["pixels", "`standard` (s)", "`quick` (s)", "`standard` / `quick`"]
    header += ["`standard` (MB)", "`quick` (MB)", "noise"]
    lines = [
        [
            _square(row),
            *(spread(row["seconds"][name]) for name in ("standard", "quick")),
            _ratio(row, "standard", "quick"),
            *_memory(row, "standard", "quick"),
            noise(row["probe"]),
        ]
        for row in rows
    ]
    return table(header, lines)


def _counts(rows: list[Row]) -> str:
    header = ["`quick` with", "time (s)", "against `quick`", "memory (MB)", "noise"]
    lines = [
        [
            row["label"],
            spread(row["seconds"]["changed"]),
            _ratio(row, "changed", "quick") if "quick" in row["seconds"] else "",
            *_memory(row, "changed"),
            noise(row["probe"]),
        ]
        for row in rows
    ]
    return f"Images of {_square(rows[0])} pixels.\n\n{table(header, lines)}"


def _frames(rows: list[Row]) -> str:
    header = ["members", "time (s)", "memory (MB)", "noise"]
    lines = [
        [
            row["label"],
            spread(row["seconds"]["frames"]),
            *_memory(row, "frames"),
            noise(row["probe"]),
        ]
        for row in rows
    ]
    return table(header, lines)


def _reference(rows: list[Row]) -> str:
    header = ["sequence", "`standard` (s)", "PSNR (dB)", "reference (s)", "PSNR (dB)"]
    header += ["reference / `standard`", "near its final PSNR after (s)", "at step", "noise"]
    lines = []
    for row in rows:
        curves = row["reference"]
        arrivals = [reached(curve) for curve in curves]
        ours, needed = _ours(row), [seconds for _, seconds in arrivals]
        accuracy = [psnr for _, psnr in row["standard"]]
        final = [curve[-1][2] for curve in curves]
        ended = [curve[-1][1] for curve in curves]
        faster = [theirs / own for theirs, own in zip(ended, ours, strict=True)]
        # A ratio of times says nothing where the accuracy of the reference is not reached.
        comparable = min(accuracy) >= max(final)
        lines.append(
            [
                row["label"],
                spread(ours),
                number(median(accuracy), 2),
                spread(ended),
                _decibels(final),
                spread(faster) if comparable else "less accurate",
                spread(needed),
                " / ".join(
                    f"{step:g} of {c[-1][0]}" for c, (step, _) in zip(curves, arrivals, strict=True)
                ),
                noise(row["probe"]),
            ]
        )
    return table(header, lines)


def _ours(row: Row) -> list[float]:
    return [seconds for seconds, _ in row["standard"]]


def _ratio(row: Row, above: str, below: str) -> str:
    pairs = zip(row["seconds"][above], row["seconds"][below], strict=True)
    return spread([a / b for a, b in pairs])


def _memory(row: Row, *names: str) -> list[str]:
    return [number(row["mb"][name], 0) for name in names]


def _square(row: Row) -> str:
    return f"{row['size']} x {row['size']}"


def _decibels(values: Sequence[float]) -> str:
    text = number(median(values), 2)
    return f"{text} ({min(values):.2f}–{max(values):.2f})" if values[1:] else text


def _figure(value: float) -> str:
    """Return a number with about three digits."""
    return number(value, 0 if value >= 100 else 1 if value >= 10 else 2)


def _about(found: Found) -> str:
    about, versions = found["about"], found["about"]["versions"]
    probe = [seconds for row in found["rows"] for seconds in row.get("probe", [])]
    counts = [_plural(about[name], name[:-1]) for name in ("repeats", "threads")]
    parts = [*counts, about["processor"], f"PyTorch {versions['torch']}"]
    if versions["opencv-python-headless"]:
        parts.append(f"OpenCV {versions['opencv-python-headless']}")
    whole = f" Noise over the whole table: {noise(probe)}." if probe else ""
    return f"{', '.join(parts)}.{whole}"


def _plural(count: int, name: str) -> str:
    return f"{count} {name}{'s' if count != 1 else ''}"
