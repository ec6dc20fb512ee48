"""A large scene from its images to its frames, alike on the command line and in the window."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_latentdyn.core.geometry.checks import Described, check_grids, place_oddities
from napari_latentdyn.core.observations.images.windows import WindowedImage
from napari_latentdyn.core.scene.folder import SceneFolder, is_scene_folder
from napari_latentdyn.core.scene.request import SceneRequest, request_of
from napari_latentdyn.errors import RunFolderError, UserError
from napari_latentdyn.files.paths import absolute, check_writable, input_folder
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.scene import SceneOptions

if TYPE_CHECKING:
    from napari_latentdyn.core.scene.run import SceneProgress

__all__ = ["BegunScene", "MakeFrames", "ScenePlan", "begin_scene", "plan_scene", "scene_target"]

Images = tuple[WindowedImage, WindowedImage]
#: Makes the arrays of the frames in a folder: path, request, images and settings.
MakeFrames = Callable[[Path, SceneRequest, Images, Settings], None]


@dataclass(frozen=True)
class ScenePlan:
    """A large scene whose images and settings are checked.

    Attributes
    ----------
    request : SceneRequest
        What the folder of the scene keeps.
    images : pair of WindowedImage
        Both images, opened.
    settings : Settings
        Those of the matching.
    options : SceneOptions
        Tiles, and the cluster.
    oddities : sequence of str
        Sentences on images at different places.
    """

    request: SceneRequest
    images: Images
    settings: Settings
    options: SceneOptions
    oddities: tuple[str, ...]


def plan_scene(
    sources: tuple[str, str], images: Images, settings: Settings, options: SceneOptions
) -> ScenePlan:
    """Check images and settings of a large scene.

    Parameters
    ----------
    sources : pair of str
        Both images, as `open_windows` takes them.
    images : pair of WindowedImage
        The same images, opened.
    settings : Settings
        Those of a matching without training.
    options : SceneOptions
        Tiles, and the cluster.

    Raises
    ------
    ObservationError
        If the images differ in size or in their grid, are too small, or lack the chosen channel.
    SettingsError
        If the settings ask for networks or training.
    """
    request = request_of(sources, images, settings, options.tile)
    told = [Described(image.name, image.geometry, image.coordinates) for image in images]
    check_grids(*told)
    return ScenePlan(request, images, settings, options, tuple(place_oddities(*told)))


def scene_target(output: str) -> SceneFolder:
    """Return the folder of a scene by the name that the user gave, without writing to it.

    Raises
    ------
    RunFolderError
        If something else is there.
    """
    target = absolute(output, RunFolderError).resolve()
    if target.exists():
        if not target.is_dir():
            raise RunFolderError(f"{target} is a file: choose a folder.")
        input_folder(target, RunFolderError)
        if any(target.iterdir()) and not is_scene_folder(target):
            raise RunFolderError(
                f"{target} is not empty and holds no scene: choose another folder."
            )
    return SceneFolder(target)


@dataclass(frozen=True)
class BegunScene:
    """A scene that can be computed into its folder.

    Attributes
    ----------
    plan : ScenePlan
        Images and settings.
    folder : SceneFolder
        The folder.
    earlier : bool
        Whether the folder held this scene before.
    replaces : bool
        Whether the folder holds a scene that is deleted when the computation begins. Its
        velocities stay if only the times of the frames differ.
    """

    plan: ScenePlan
    folder: SceneFolder
    earlier: bool
    replaces: bool

    @property
    def finished(self) -> bool:
        """Whether nothing is left to compute."""
        return not self.replaces and bool(self.folder.report())

    def compute(
        self, make_frames: MakeFrames, should_stop: Callable[[], bool] | None = None
    ) -> Generator[SceneProgress, None, None]:
        """Return the computation of what is left; a scene that fails at its begin is deleted.

        Parameters
        ----------
        make_frames : callable
            Makes the arrays of the frames, such as `export.scene.make_scene_frames`.
        should_stop : callable, optional
            Called within a tile; true raises `Stopped`, and the tile is lost. A caller that
            closes the generator stops after a tile.

        Yields
        ------
        SceneProgress
            After each tile.
        """
        # The import takes seconds; callers that handle signals let it end first.
        from napari_latentdyn.core.scene.cluster import dask_workers
        from napari_latentdyn.core.scene.run import run_scene

        plan, folder, scheduler = self.plan, self.folder, self.plan.options.scheduler

        def make(path: Path) -> None:
            make_frames(path, plan.request, plan.images, plan.settings)

        def steps() -> Generator[SceneProgress, None, None]:
            cluster = nullcontext() if scheduler is None else dask_workers(scheduler, should_stop)
            new = not self.earlier and not self.replaces
            with folder.locked():
                try:
                    with cluster as workers:
                        # A cluster that does not answer leaves the old scene as it is.
                        if self.replaces and not folder.redraw(plan.request):
                            folder.clear()
                            folder.start(plan.request)
                            new = True
                        done = yield from run_scene(
                            folder.path, make, workers=workers, should_stop=should_stop
                        )
                except UserError:
                    if new:
                        folder.discard()
                    raise
                known = done.ensemble
                weights = np.round(known.weights.astype(float), 4).tolist()
                folder.finish({"weights": weights, "weight_of_no_motion": round(known.still, 4)})

        return steps()


def begin_scene(plan: ScenePlan, folder: SceneFolder, *, overwrite: bool = False) -> BegunScene:
    """Begin a scene in its folder, or continue the same one.

    Parameters
    ----------
    plan : ScenePlan
        Images and settings.
    folder : SceneFolder
        The folder, from `scene_target`.
    overwrite : bool
        Replace a scene in the folder.

    Raises
    ------
    RunFolderError
        If the folder cannot be written, or holds a scene of other images or settings.
    """
    if not folder.path.exists():
        check_writable(folder.path, RunFolderError, folder=True)
    there = is_scene_folder(folder.path)
    if there and overwrite:
        return BegunScene(plan, folder, earlier=False, replaces=True)
    folder.start(plan.request)
    return BegunScene(plan, folder, earlier=there, replaces=False)
