"""Looks at both images of a large scene and at its folder, without reading the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_latentdyn.core.observations.images.windows import WindowedImage, open_windows
from napari_latentdyn.core.scene.folder import SceneFolder, is_scene_folder
from napari_latentdyn.core.scene.plan import ScenePlan, plan_scene, scene_target
from napari_latentdyn.core.scene.request import SceneRequest, tile_count, tile_side
from napari_latentdyn.errors import RunFolderError, UserError
from napari_latentdyn.files.paths import exists
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.scene import SceneOptions
from napari_latentdyn.viewer.context import mark_of
from napari_latentdyn.viewer.snapshot import is_image
from napari_latentdyn.widgets.texts import describe, sentence

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = [
    "WELCOME",
    "Asked",
    "Found",
    "Holding",
    "holding",
    "layer_sources",
    "look",
    "next_step",
    "summary",
]

WELCOME = (
    "Choose two image files of one scene, taken one after the other. They are read tile by tile "
    "and need not fit into the memory."
)


@dataclass(frozen=True)
class Asked:
    """Values of the form; a path is ``""`` where it is not given."""

    sources: tuple[str, str]
    output: str
    settings: Settings
    options: SceneOptions


@dataclass(frozen=True)
class Holding:
    """State of the scene in a folder.

    Attributes
    ----------
    scene : bool
        Whether it holds any scene.
    finished : bool
        Whether that scene is finished.
    problem : str
        Sentence on how it differs from the one that is asked for, ``""`` if it does not.
    request : SceneRequest or None
        Images and settings of the scene, unless it is damaged.
    serves : bool
        Whether its velocities serve the scene that is asked for, with other frames.
    """

    scene: bool = False
    finished: bool = False
    problem: str = ""
    request: SceneRequest | None = None
    serves: bool = False


@dataclass(frozen=True)
class Found:
    """Facts about images and folder, and what can be started.

    Attributes
    ----------
    facts : pair of str
        Size, channels and data type of each image, ``""`` where it is not known.
    plan : ScenePlan or None
        Images and settings, if they fit.
    folder : SceneFolder or None
        Folder of the scene, if it can be used.
    holding : Holding
        What the folder holds.
    problem : str
        Sentence on what is wrong, ``""`` for nothing.
    """

    facts: tuple[str, str]
    plan: ScenePlan | None
    folder: SceneFolder | None
    holding: Holding
    problem: str


def look(asked: Asked) -> Found:
    """Open both images, check all values, and look into the folder; raises nothing."""
    try:
        return _look(asked)
    # Whatever a file is, the form stays usable.
    except Exception as error:  # noqa: BLE001
        problem = describe(error, "Reading the images failed")
        return Found(("", ""), None, None, Holding(), problem)


def _look(asked: Asked) -> Found:
    problems: list[str] = []
    images: list[WindowedImage | None] = []
    for source in asked.sources:
        image = None
        if source:
            try:
                image = open_windows(source)
            except UserError as error:
                problems.append(str(error))
        images.append(image)
    first, last = images
    plan = folder = None
    if first is not None and last is not None:
        try:
            plan = plan_scene(asked.sources, (first, last), asked.settings, asked.options)
        except UserError as error:
            problems.append(str(error))
    found = Holding()
    if asked.output:
        try:
            folder = scene_target(asked.output)
            found = holding(folder, None if plan is None else plan.request)
        except UserError as error:
            problems.append(str(error))
    return Found((_facts(first), _facts(last)), plan, folder, found, next(iter(problems), ""))


def holding(folder: SceneFolder, request: SceneRequest | None) -> Holding:
    """Return the state of the scene in a folder, compared with the scene that is asked for."""
    if not is_scene_folder(folder.path):
        return Holding()
    try:
        known, finished = folder.request(), bool(folder.report())
    except RunFolderError as error:
        return Holding(True, problem=str(error))
    problem = ""
    if request is not None:
        try:
            folder.check_same(request)
        except RunFolderError as error:
            problem = str(error)
    serves = bool(problem) and request is not None and folder.serves(request)
    return Holding(True, finished, problem, known, serves)


def summary(request: SceneRequest) -> str:
    """Return the size of the work in one line."""
    count, frames = tile_count(request), len(request.times)
    side = tile_side(request)
    return f"{frames} frames, in {count} tile{'s' * (count > 1)} of at most {side} x {side} pixels"


def next_step(asked: Asked, found: Found) -> str:
    """Return what can be done with the values of the form, if nothing is wrong with them."""
    pairs = zip(("first", "last"), asked.sources, strict=True)
    missing = [end for end, source in pairs if not source]
    if len(missing) == 2:
        return WELCOME
    if missing:
        return f"Choose the {missing[0]} image."
    if not asked.output:
        return "Choose the output folder, a new or an empty one."
    known = found.holding
    if known.problem:
        return f"{sentence(known.problem)} Start asks before it overwrites anything."
    if known.finished:
        return "This scene is finished. Start opens it, or computes it again after a question."
    if known.scene:
        return "The folder holds this scene, unfinished. Start continues it."
    return "Ready. Press Start; the window stays usable."


def _facts(image: WindowedImage | None) -> str:
    if image is None:
        return ""
    channels, height, width = image.shape
    colours = " (RGB)" if image.rgb else ""
    return (
        f"{height} x {width} pixels, {channels} channel{'s' * (channels > 1)}{colours}, "
        f"{image.dtype}"
    )


def layer_sources(viewer: Viewer) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Return names and files of two image layers: the selected ones, or the only ones.

    None means that there are not two image layers that were read from files.
    """
    known = [layer for layer in viewer.layers if is_image(layer) and _source(layer)]
    chosen = [layer for layer in known if layer in viewer.layers.selection]
    pair: Sequence[object] = chosen if len(chosen) == 2 else known
    if len(pair) != 2 or len(chosen) > 2:
        return None
    first, last = pair
    return (str(first), str(last)), (_source(first), _source(last))


def _source(layer: object) -> str:
    """Return the file of a layer, ``""`` if it has none, or shows a result."""
    source = getattr(layer, "source", None)
    path = getattr(source, "path", None)
    if not path or mark_of(layer) or getattr(source, "parent", None) is not None:
        return ""
    return str(path) if exists(path) else ""
