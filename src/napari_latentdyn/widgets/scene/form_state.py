"""Values of the form of "Large scene": read, filled in, and kept while its dock is closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from napari_latentdyn.core.scene.request import SceneRequest
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.scene import SCENE_PRESETS, SceneOptions
from napari_latentdyn.widgets.preferences import initial_settings
from napari_latentdyn.widgets.preset_box import CUSTOM
from napari_latentdyn.widgets.scene.look import Asked, layer_sources
from napari_latentdyn.widgets.scene.view import LargeSceneView
from napari_latentdyn.widgets.texts import preset_of, with_preset

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["FormState"]


class FormState:
    """Reads and fills the form of a viewer."""

    _left: ClassVar[WeakKeyDictionary[Viewer, Any]] = WeakKeyDictionary()

    def __init__(self, viewer: Viewer, view: LargeSceneView) -> None:
        self._viewer = viewer
        self._view = view
        paths = [(box.value, box.set_value) for box in (view.first, view.last, view.output)]
        #: How to read and to set each value that is not a setting.
        self._others: list[tuple[Callable[[], Any], Callable[[Any], None]]] = [
            *paths,
            *((editor.value, editor.setValue) for editor in view.options.values()),
        ]

    def asked(self) -> Asked:
        """Return all values, and show the preset that they equal.

        Raises
        ------
        SettingsError
            If values contradict each other.
        """
        view = self._view
        view.preset.show_preset(CUSTOM)
        settings = view.form.value()
        view.preset.show_preset(preset_of(settings))
        options = {name: editor.value() for name, editor in view.options.items()}
        sources = view.first.value(), view.last.value()
        return Asked(sources, view.output.value(), settings, SceneOptions.parse(options))

    def take_preset(self, name: str) -> None:
        """Apply a preset, and keep settings that presets do not change."""
        try:
            settings = self._view.form.value()
        except SettingsError:
            settings = Settings()
        self._view.form.set_value(with_preset(settings, name))

    def take_layers(self) -> None:
        """Take the files of two layers, if there are two."""
        known = layer_sources(self._viewer)
        if known is not None:
            self._view.first.set_value(known[1][0])
            self._view.last.set_value(known[1][1])

    def take_scene(self, request: SceneRequest) -> None:
        """Take images, settings and tiles of a scene.

        Raises
        ------
        SettingsError
            If another version wrote its settings.
        """
        self._view.form.set_value(Settings.parse(dict(request.settings)))
        self._view.options["tile"].setValue(request.tile)
        self._view.first.set_value(request.images[0])
        self._view.last.set_value(request.images[1])

    def keep(self) -> None:
        """Keep all values for another form of the viewer."""
        values = [read() for read, _ in self._others]
        expanded = self._view.form.advanced.isExpanded()
        self._left[self._viewer] = (self._view.form.snapshot(), values, expanded)

    def restore(self) -> None:
        """Show the values that were kept, or else preferences and the files of two layers."""
        left = self._left.get(self._viewer)
        if left is None:
            self._view.form.set_value(with_preset(initial_settings(), SCENE_PRESETS[0]))
            self._view.options["tile"].setValue(SceneOptions().tile)
            self.take_layers()
            return
        settings, values, expanded = left
        self._view.form.restore(settings)
        for (_, change), value in zip(self._others, values, strict=True):
            change(value)
        if expanded:
            self._view.form.advanced.expand()
