"""The benchmark of time and memory: its reference, its command and its tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from benchmarks.accuracy.cases import make_case
from benchmarks.accuracy.markdown import BEGIN, END, splice
from benchmarks.speed import cli, parts, race, reference, tables, timing, worker
from benchmarks.speed.runs import Runner
from benchmarks.speed.scene import moving_texture
from benchmarks.speed.subjects import Subject
from benchmarks.speed.timing import Probe, in_turn
from numpy.typing import NDArray


def test_the_reference_learns(drifting: Callable[[float], NDArray[np.uint8]]) -> None:
    first, last = (drifting(time)[:40, :48].astype(np.float32) for time in (0, 1))
    losses: list[float] = []
    drawn = []

    def on_step(step: int, loss: float, draw: reference.Draw) -> None:
        losses.append(loss)
        if step == 1:
            drawn.append(draw())

    frames = reference.interpolate(first, last, [0.5, 1.0], steps=8, on_step=on_step)
    assert frames.shape == drawn[0].shape == (2, 40, 48)
    assert frames.dtype == np.float32
    assert len(losses) == 8
    assert losses[-1] < 0.7 * losses[0]


def test_the_reference_moves_values_along_the_velocity() -> None:
    state = reference.torch.zeros(1, 1, 9, 12)
    state[0, 0, 4, 5] = 1
    velocity = reference.torch.zeros(1, 2, 9, 12)
    velocity[:, 0], velocity[:, 1] = 2, -3
    moved = reference._advect(state, velocity)[0, 0].numpy()
    assert np.unravel_index(moved.argmax(), moved.shape) == (6, 2)
    assert moved[6, 2] == pytest.approx(1, abs=1e-5)


def test_the_reference_is_short_and_uses_only_torch_and_numpy(root: Path) -> None:
    lines = (root / "benchmarks" / "speed" / "reference.py").read_text().splitlines()
    assert len(lines) < 200
    imports = {
        line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))
    }
    assert imports == {"__future__", "itertools", "collections", "numpy", "torch"}


def test_textures_are_repeatable_and_move() -> None:
    first, last = moving_texture(96)
    assert first.shape == last.shape == (96, 96)
    np.testing.assert_array_equal(moving_texture(96)[1], last)
    assert moving_texture(80, channels=2)[0].shape == (2, 80, 80)
    # They drift by (6, -4) in the mean.
    apart = np.abs(last[24:72, 24:72] - first[24:72, 24:72]).mean()
    shifted = np.abs(last[24:72, 24:72] - first[18:66, 28:76]).mean()
    assert shifted < 0.7 * apart


@pytest.mark.parametrize(
    "subject",
    [
        Subject("fit", 80),
        Subject("fit", 80, channels=2),
        Subject("frames", 80),
        Subject("flow", 80),
    ],
    ids=lambda subject: f"{subject.method}, {subject.channels}",
)
def test_subjects_make_frames(subject: Subject) -> None:
    assert Subject(**json.loads(json.dumps(subject.as_dict()))) == subject
    made = subject.prepared(1)()
    if subject.method == "frames":
        kinds = {kind: data for data, _, kind in made}
        assert len(kinds["image"]) == 3
        assert len(kinds["vectors"])
    else:
        assert len(made) == 5


def test_computations_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "TRANSFORMS", 1)
    order: list[str] = []
    computations = {name: lambda name=name: order.append(name) for name in "ab"}
    seconds = in_turn(computations, 3, probe := Probe())
    assert "".join(order) == "abbaab"
    assert [len(times) for times in seconds.values()] == [3, 3]
    assert len(probe.seconds) == 7


def test_every_part_has_subjects() -> None:
    for part in parts.PARTS[:-1]:
        found = dict(parts.rows(part, [256, 512, 2048]))
        assert found
        assert all(subject.size <= 2048 for each in found.values() for subject in each.values())
    assert [label for label, _ in parts.rows("standard", [256, 512, 2048])] == ["256", "512"]
    assert [label for label, _ in parts.rows("standard", [1024, 2048])] == ["1024"]


def test_a_row_is_measured_in_processes_of_its_own() -> None:
    row = Runner(repeats=1, threads=1).row("80", {"flow": Subject("flow", 80)})
    assert row["seconds"]["flow"][0] > 0
    assert row["mb"]["flow"] >= 0
    assert len(row["probe"]) == 2
    assert "nonsense" in Runner(1, 1).row("80", {"a": Subject("fit", 80, "nonsense")})["error"]


def test_standard_and_reference_are_compared_on_one_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "EVERY", 2)
    monkeypatch.setattr(timing, "TRANSFORMS", 1)
    frames = np.stack([moving_texture(40, seed=seed)[0] for seed in range(3)])
    measured = race.measure(make_case("noise", "data", frames, range(3)), 3, 1, 1)
    assert measured["time"] == 0.5
    ((seconds, psnr),) = measured["standard"]
    assert seconds > 0
    assert 0 < psnr < 99
    assert [step for step, _, _ in measured["reference"][0]] == [2, 3]
    with pytest.raises(ValueError, match="no sequence nothing"):
        race.read("nothing", Path("nowhere"))


def test_the_worker_prints_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "WARM_UP", 72)
    job = {"kind": "memory", "threads": 1, "subject": Subject("flow", 80).as_dict()}
    worker.main([json.dumps(job)])
    assert json.loads(capsys.readouterr().out)["mb"] >= 0


# Tables -----------------------------------------------------------------------

ABOUT = {
    "repeats": 3,
    "threads": 1,
    "processor": "a processor",
    "versions": {"torch": "2.0", "opencv-python-headless": None},
}


def row(label: str, size: int, **seconds: list[float]) -> dict[str, object]:
    mb = dict.fromkeys(seconds, 12.3)
    return {"label": label, "size": size, "seconds": seconds, "mb": mb, "probe": [1.0, 1.1, 1.0]}


def found(*rows: dict[str, object]) -> dict[str, object]:
    return {"about": ABOUT, "rows": list(rows)}


def test_tables_have_ratios_of_pairs_and_the_noise() -> None:
    lines = tables.page(
        {
            "sizes": found(
                row("100", 100, quick=[2.0, 4.0, 3.0], flow=[1.0, 1.0, 2.0]),
                row("200", 200, quick=[4.0, 4.0, 4.0], flow=[2.0, 2.0, 2.0]),
                {"label": "9999", "error": "no memory"},
            ),
            "standard": found(row("100", 100, quick=[2.0], standard=[20.0])),
            "counts": found(
                row(parts.BASE, 100, changed=[2.0]),
                row("8 stages", 100, changed=[3.0], quick=[2.0]),
            ),
            "frames": found(row("3 (`quick`)", 1024, frames=[1.5])),
            "reference": None,
        }
    ).splitlines()
    wanted = "| 100 x 100 | 3.00 (2.00–4.00) | 1.00 (1.00–2.00) | 2.00 (1.50–4.00) "
    assert f"{wanted}| 300 (200–400) | 12 | 12 | 10 % |" in lines
    per_pixel = (
        "Time of `quick` per pixel: 100 µs at 200 x 200 to 300 µs at 100 x 100, a factor of 3.00."
    )
    assert per_pixel in lines
    assert "- 9999: no memory" in lines
    assert "| 100 x 100 | 20.0 | 2.00 | 10.0 | 12 | 12 | 10 % |" in lines
    assert "| 8 stages | 3.00 | 1.50 | 12 | 10 % |" in lines
    assert "| as it is | 2.00 |  | 12 | 10 % |" in lines
    assert "| 3 (`quick`) | 1.50 | 12 | 10 % |" in lines
    last = "3 repeats, 1 thread, a processor, PyTorch 2.0. Noise over the whole table: 10 %."
    assert lines[-1] == last


def test_the_reference_counts_as_there_near_its_final_accuracy() -> None:
    curve = [(20, 10.0, 18.0), (40, 20.0, 25.96), (60, 30.0, 25.0), (80, 40.0, 26.0)]
    assert tables.reached(curve) == (40, 20.0)
    given = {"label": "ice", "standard": [(2.0, 27.0)], "reference": [curve], "probe": [1.0, 1.0]}
    text = tables.page({"reference": found(given)})
    cells = "| ice | 2.00 | 27.00 | 40.0 | 26.00 | 20.0 | 20.0 | 40 of 80 | 0 % |"
    assert cells in text.splitlines()
    worse = tables.page({"reference": found({**given, "standard": [(2.0, 25.0)]})})
    assert "| less accurate |" in worse


# Command ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sizes=big"],
        ["--sizes="],
        ["--sizes=16"],
        ["--repeats=0"],
        ["--only=nonsense"],
        ["--threads=0"],
        ["--steps=0"],
        ["--docs=not-there.md"],
    ],
    ids=" ".join,
)
def test_wrong_options_give_one_sentence(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*arguments, f"--out={tmp_path / 'out'}"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert arguments[0].partition("=")[0] in said or "not-there.md" in said


def test_a_part_is_measured_alone_and_written_into_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runner, "row", lambda self, label, subjects: row(label, 128, frames=[1.0]))
    docs, out = tmp_path / "page.md", tmp_path / "out"
    docs.write_text(f"above\n{BEGIN}\n{END}\nbelow\n", encoding="utf-8")
    assert cli.main(["--only=frames", f"--out={out}", f"--docs={docs}"]) == 0
    page = docs.read_text(encoding="utf-8")
    assert page.startswith("above")
    assert page.endswith("below\n")
    assert "| 3 (`quick`) | 1.00 |" in page
    assert [path.name for path in out.glob("*.json")] == ["frames.json"]
    monkeypatch.setattr(Runner, "row", None)
    assert cli.main(["--no-run", f"--out={out}", f"--docs={docs}"]) == 0
    assert docs.read_text(encoding="utf-8") == page


def test_the_page_of_the_documentation_has_its_markers(root: Path) -> None:
    splice((root / "docs" / "speed.md").read_text(encoding="utf-8"), "")
