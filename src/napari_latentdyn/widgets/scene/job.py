"""The background job of a large scene."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import TYPE_CHECKING

from napari_latentdyn.core.observations.images.windows import open_windows
from napari_latentdyn.core.scene.folder import SceneFolder
from napari_latentdyn.core.scene.plan import ScenePlan, begin_scene, plan_scene
from napari_latentdyn.widgets.background import BackgroundJob

if TYPE_CHECKING:
    from napari_latentdyn.core.scene.run import SceneProgress

__all__ = ["SceneJob"]


class SceneJob(BackgroundJob):
    """Computes what is left of a large scene.

    `cancel` stops after the current tile, `abort` within it.
    """

    def __init__(self, plan: ScenePlan, folder: SceneFolder, *, overwrite: bool) -> None:
        super().__init__("The scene")
        self.plan = plan
        self.folder = folder
        self._overwrite = overwrite
        self._abort = threading.Event()

    @property
    def scene(self) -> str:
        """Name of the scene for the user."""
        first, last = self.plan.images
        return f"the large scene {first.name} → {last.name}"

    @property
    def title(self) -> str:
        """Name of the job in napari's dialogs."""
        return f"Latent Dynamics: {self.scene}"

    def compute(self) -> Generator[SceneProgress, None, None] | None:
        """Begin or continue the scene, and return the steps that are left."""
        from napari_latentdyn.export.scene import make_scene_frames

        # The files may have changed since they were looked at.
        sources = self.plan.request.images
        images = open_windows(sources[0]), open_windows(sources[1])
        plan = plan_scene(sources, images, self.plan.settings, self.plan.options)
        begun = begin_scene(plan, self.folder, overwrite=self._overwrite)
        if begun.finished:
            return None
        return begun.compute(make_scene_frames, self._abort.is_set)

    def abort(self) -> None:
        """Stop within the current tile, which is computed again when the scene continues."""
        self._abort.set()
        self.cancel()

    def stop_from_outside(self) -> None:
        """Stop at once, as a window or the program ends."""
        self._abort.set()
        super().stop_from_outside()
