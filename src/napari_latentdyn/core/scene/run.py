"""All steps of a large scene in their order, here or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from napari_latentdyn.core.observations.images.windows import WindowedImage
from napari_latentdyn.core.observations.patches import covering
from napari_latentdyn.core.scene.folder import MATCHED, SceneFolder
from napari_latentdyn.core.scene.scene import Scene

__all__ = ["SceneProgress", "Workers", "perform", "run_scene"]

#: Time of a tile of each step, where that of a tile that is matched is one.
_SHARES = {"reduce": 0.1, "match": 1.0, "coarsen": 0.05}


@dataclass(frozen=True)
class SceneProgress:
    """Progress of a large scene: finished and total work, and what is being done."""

    done: float
    total: float
    message: str


@dataclass(frozen=True)
class Task:
    """One tile of one step.

    Attributes
    ----------
    folder : str
        Folder of the scene.
    step : {"reduce", "match", "render", "coarsen"}
        What is done.
    level : int
        Level, 0 at full resolution.
    number : int
        Number of the tile.
    """

    folder: str
    step: str
    level: int
    number: int

    @property
    def name(self) -> str:
        """Name of the mark that the task is done."""
        return f"{self.step}-{self.level}-{self.number}"


class Workers(Protocol):
    """Performs tasks in any order, and yields as each is done."""

    def __call__(self, tasks: Sequence[Task]) -> Iterable[object]:
        """Perform all tasks."""


def perform(task: Task, scene: Scene | None = None) -> None:
    """Perform a task of the scene in its folder, and mark it as done."""
    scene = scene or Scene(Path(task.folder))
    if task.step == "reduce":
        scene.reduce(task.number)
    elif task.step == "match":
        scene.match(task.level, task.number)
    elif task.step == "render":
        scene.render(task.number)
    else:
        scene.coarsen(task.level, task.number)
    scene.folder.mark(task.name)


def run_scene(
    folder: Path,
    make_frames: Callable[[Path], None],
    *,
    images: Sequence[WindowedImage] | None = None,
    workers: Workers | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Generator[SceneProgress, None, Scene]:
    """Match and render a large scene, or continue one that was stopped.

    Parameters
    ----------
    folder : Path
        Folder of the scene, which `SceneFolder.start` has made.
    make_frames : callable
        Makes the arrays of the frames in a folder, one for each of the `frame_shapes` of the
        scene, named by its number.
    images : pair of WindowedImage, optional
        Both images; by default those that the folder names.
    workers : callable, optional
        Performs the tasks; by default this process, one after the other.
    should_stop : callable, optional
        Called within a tile that this process computes; true raises `Stopped`, and the tile is
        computed again when the scene continues.

    Yields
    ------
    SceneProgress
        After each tile.

    Returns
    -------
    Scene
    """
    scene = Scene(folder, images, should_stop)
    state = SceneFolder(folder)
    matched = state.is_done(MATCHED)
    work = _Work(scene, matched=matched)
    do = workers or (lambda tasks: _here(tasks, scene))
    if not matched:
        yield from _match(scene, work, do)
        state.mark(MATCHED)
    if not state.is_done("frames"):
        make_frames(state.frames)
        state.mark("frames")
    yield from work.run(do, "render", 0, len(scene.tiles(0)), "Drawing frames")
    for level, shape in enumerate(scene.frame_shapes):
        if level > 0:
            count = len(covering(shape, scene.tile))
            yield from work.run(do, "coarsen", level, count, "Reducing frames")
    return scene


def _match(scene: Scene, work: _Work, do: Workers) -> Iterator[SceneProgress]:
    scene.make_arrays()
    yield from work.run(do, "reduce", 0, len(scene.tiles(0)), "Reading")
    if scene.folder.solution() is None:
        for done, total, message in scene.solve():
            yield SceneProgress(work.done + work.solving * done / total, work.total, message)
    work.done += work.solving
    scene.make_velocities()
    for level in range(scene.levels - 1, -1, -1):
        yield from work.run(do, "match", level, len(scene.tiles(level)), "Matching")


class _Work:
    """Runs the tasks of one step after the other, and knows how much is done.

    The unit of work is one tile of full resolution that is matched.
    """

    def __init__(self, scene: Scene, *, matched: bool) -> None:
        self.scene = scene
        self.done = 0.0
        tiles = len(scene.tiles(0))
        #: Work of matching the reduced scene.
        self.solving = 1.5 * scene.request.reduced / scene.tile**2
        self._frames = 0.15 * len(scene.request.times)
        reduced = sum(len(covering(shape, scene.tile)) for shape in scene.frame_shapes[1:])
        self.total = tiles * self._frames + reduced * _SHARES["coarsen"]
        if not matched:
            finer = sum(len(scene.tiles(level)) for level in range(scene.levels))
            self.total += tiles * _SHARES["reduce"] + self.solving + finer * _SHARES["match"]

    def run(
        self, workers: Workers, step: str, level: int, count: int, what: str
    ) -> Iterator[SceneProgress]:
        """Perform the tasks of a step that are not done yet."""
        share = self._frames if step == "render" else _SHARES[step]
        folder = self.scene.folder
        tasks = [Task(str(folder.path), step, level, number) for number in range(count)]
        left = [task for task in tasks if not folder.is_done(task.name)]
        finished = count - len(left)
        self.done += finished * share
        shapes = self.scene.frame_shapes if step == "coarsen" else self.scene.shapes
        height, width = shapes[level]
        for _ in workers(left):
            finished += 1
            self.done += share
            message = f"{what}: tile {finished} of {count}, at {height} x {width} pixels"
            yield SceneProgress(self.done, self.total, message)


def _here(tasks: Sequence[Task], scene: Scene) -> Iterator[None]:
    for task in tasks:
        perform(task, scene)
        yield
