"""How long the time slider takes: 1024 x 1024 pixels, 17 frames, arrows and a map.

    xvfb-run -a -s "-screen 0 1600x1000x24" python -m benchmarks.slider

Every step moves the slider by one frame and draws the canvas, as a user's does, whose
pointer is on the slider. With `--pointer canvas`, napari also tells the value below the
pointer at each step, in a thread of its own. The window has the size of a small screen:
where the processor draws, a step takes longer the larger the canvas is.
"""

from __future__ import annotations

import argparse
import time

import napari
import numpy as np
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QApplication

from napari_latentdyn import layers
from napari_latentdyn.explore import layers as making
from napari_latentdyn.explore.options import MapOptions
from napari_latentdyn.explore.subject import Subject
from napari_latentdyn.layers import result_layers, update_or_add
from napari_latentdyn.placement import Placement
from napari_latentdyn.settings import Settings

STAGES = 16


def subject(side: int) -> Subject:
    """A rotation with waves."""
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    field = np.stack([columns, -rows]) * 0.3 / STAGES + 2 * np.sin(rows / 70)
    return Subject(
        "slider",
        "scene",
        np.repeat(field[None], STAGES, axis=0).astype(np.float32),
        np.linspace(0, 1, STAGES + 1),
        Settings(),
        {"interval": {"value": 24.0, "unit": "hour"}},
        Placement(scale=(50.0, 50.0), units=("meter", "meter")),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--window", type=int, nargs=2, default=(1366, 768))
    parser.add_argument("--pointer", choices=["slider", "canvas"], default="slider")
    parser.add_argument("--plain", action="store_true", help="draw as napari does by itself")
    given = parser.parse_args()
    if given.plain:
        layers.ease_slider = lambda viewer: None
    shown = subject(given.side)
    frames = np.random.default_rng(0).random((STAGES + 1, given.side, given.side), np.float32)
    viewer = napari.Viewer(show=True)
    # napari remembers the size of the window before.
    viewer.window.set_geometry(0, 0, *given.window)
    made = result_layers(
        frames=frames,
        times=shown.times,
        velocity=shown.velocity,
        field_times=np.arange(STAGES) / STAGES,
        settings=shown.settings,
        report=shown.report,
        placement=shown.placement,
        run_id=shown.run_id,
        name=shown.name,
    )
    derived = making.deformation_of(shown)
    update_or_add(viewer, [*made, making.map_layer(shown, derived, MapOptions(kind="vorticity"))])
    window = viewer.window._qt_viewer  # noqa: SLF001 - draws are counted
    canvas = window.canvas._scene_canvas  # noqa: SLF001
    slider = window.dims.slider_widgets[0].slider
    under = canvas.native if given.pointer == "canvas" else slider
    QCursor.setPos(under.mapToGlobal(under.rect().center()))
    drawn: list[float] = []
    canvas.events.draw.connect(lambda _: drawn.append(time.perf_counter()), position="last")
    taken = []
    for step in range(given.rounds * (STAGES + 1)):
        began = time.perf_counter()
        drawn.clear()
        slider.setValue(step % (STAGES + 1))
        while not drawn:
            QApplication.processEvents()
        taken.append(1000 * (time.perf_counter() - began))
    # The first round fills the caches of the graphics.
    later = np.array(taken[STAGES + 1 :])
    size = canvas.native.size()
    print(f"canvas of {size.width()} x {size.height()} pixels")
    print(f"median {np.median(later):.0f} ms, worst {later.max():.0f} ms, of {len(later)} steps")
    viewer.close()


if __name__ == "__main__":
    main()
