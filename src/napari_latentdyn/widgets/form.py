"""A form for the settings, built from their model."""

from __future__ import annotations

import html
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from qtpy.QtCore import QSignalBlocker, Signal, SignalInstance
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QWidget
from superqt import QCollapsible

from napari_latentdyn.settings import Settings, iter_fields
from napari_latentdyn.settings.run import STARTS
from napari_latentdyn.settings.words import WORDS
from napari_latentdyn.widgets.editors import CheckBox, ChoiceBox, FloatBox, IntBox, PairBox
from napari_latentdyn.widgets.folder_box import FolderBox
from napari_latentdyn.widgets.layouts import column, form_layout, row
from napari_latentdyn.widgets.text_boxes import TextBox

__all__ = ["Editor", "SettingsForm", "make_editor", "tooltip"]

# Texts of optional settings without a value.
_EMPTY = {
    "images.channel": "all",
    "images.interval": "not known",
    "images.missing_value": "none",
    "output.frames": "at each stage",
    "scheduler": "this computer",
}
# Settings that are one of some names, or the path of a folder of this kind.
_FOLDERS = {"training.start_from": (STARTS, "a saved run")}
# Settings in the line of another setting.
_BESIDE = {"images.interval_unit": "images.interval"}
_SUFFIXES = {"pixels": " px"}
_ANY_HEIGHT = 16_777_215  # QWIDGETSIZE_MAX


class Editor(Protocol):
    """Interface of the editor of a setting."""

    edited: SignalInstance

    def value(self) -> Any:
        """Return the value."""

    def setValue(self, value: Any) -> None:
        """Set the value."""


class SettingsForm(QWidget):
    """Editors of settings; advanced settings are collapsed.

    The object name of each editor is the dotted name of its setting. Settings without an editor
    keep their value.

    Parameters
    ----------
    only : mapping, optional
        Names of the settings that have an editor, and whether each is advanced; by default all
        settings, of which the advanced ones are grouped.
    """

    valueChanged = Signal()

    def __init__(self, only: Mapping[str, bool] | None = None) -> None:
        super().__init__()
        self._base = Settings()
        self._editors: dict[str, Editor] = {}
        self._rows: dict[str, QHBoxLayout] = {}
        self.basic = basic = _form_layout()
        self.advanced = QCollapsible("Advanced", expandedIcon="▾", collapsedIcon="▸")
        self.advanced.setObjectName("advanced")
        self.advanced.setDuration(0)
        self.advanced.toggled.connect(self._free_height)
        self.advanced.layout().setContentsMargins(0, 0, 0, 0)
        column((basic, self.advanced), self, spacing=6)
        content = QWidget()
        self.advanced.content().layout().addWidget(content)
        self._inner = column((), content, spacing=6)
        self._sections: dict[str, QFormLayout] = {}
        self._forms = [basic]
        for name, field in iter_fields():
            extra = field.json_schema_extra
            extra = extra if isinstance(extra, dict) else {}
            if extra.get("form", True) is False or (only is not None and name not in only):
                continue
            advanced = extra.get("advanced") if only is None else only[name]
            # A few advanced settings need no groups.
            group = name.split(".")[0] if only is None else ""
            self._add_row(self._section(group) if advanced else basic, name, field)
        self.set_value(self._base)

    def editor(self, name: str) -> Any:
        """Return the editor of a setting."""
        return self._editors[name]

    def add_option(self, name: str, field: FieldInfo) -> Editor:
        """Append the editor of an advanced value that is not a setting, and return it."""
        editor = make_editor(name, field)
        editor.edited.connect(self.valueChanged)
        self._place(self._section(""), name, field, editor)
        return editor

    def add_note(self, name: str, note: QWidget) -> None:
        """Insert a note below the line of a setting."""
        line = self._rows[name]
        form = next(form for form in self._forms if form.indexOf(line) >= 0)
        form.insertRow(form.getLayoutPosition(line)[0] + 1, note)

    def value(self) -> Settings:
        """Return the settings; values that contradict each other raise `SettingsError`."""
        changes = {name: editor.value() for name, editor in self._editors.items()}
        if changes["output.frames"] is not None:
            changes["output.times"] = None
        return self._base.updated(changes)

    def set_value(self, settings: Settings) -> None:
        """Show other settings; emits `valueChanged` at most once."""
        before = {name: editor.value() for name, editor in self._editors.items()}
        changed = settings.output.times != self._base.output.times
        self._base = settings
        with QSignalBlocker(self):
            for name, editor in self._editors.items():
                editor.setValue(settings.get(name))
                changed = changed or editor.value() != before[name]
        if changed:
            self.valueChanged.emit()

    def snapshot(self) -> tuple[Settings, dict[str, Any]]:
        """Return settings and values for `restore`, including invalid combinations."""
        return self._base, {name: editor.value() for name, editor in self._editors.items()}

    def restore(self, snapshot: tuple[Settings, dict[str, Any]]) -> None:
        """Show the values of a snapshot."""
        base, values = snapshot
        self.set_value(base)
        for name, value in values.items():
            self._editors[name].setValue(value)

    def _free_height(self, expanded: bool) -> None:
        # QCollapsible fixes the height of its content, but wrapped lines need more.
        if expanded:
            self.advanced.content().setMaximumHeight(_ANY_HEIGHT)

    def _section(self, group: str) -> QFormLayout:
        """Return the advanced settings of a group; ``""`` has no title."""
        if group not in self._sections:
            if group:
                self._inner.addWidget(QLabel(f"<b>{Settings.model_fields[group].title}</b>"))
            form = self._sections[group] = _form_layout()
            self._inner.addLayout(form)
            self._forms.append(form)
        return self._sections[group]

    def _add_row(self, form: QFormLayout, name: str, field: FieldInfo) -> None:
        editor = make_editor(name, field)
        editor.edited.connect(self.valueChanged)
        self._editors[name] = editor
        self._place(form, name, field, editor)

    def _place(self, form: QFormLayout, name: str, field: FieldInfo, editor: Editor) -> None:
        assert isinstance(editor, QWidget)
        if name in _BESIDE:
            self._rows[_BESIDE[name]].addWidget(editor, 1)
            return
        line = self._rows[name] = row(editor)
        if isinstance(editor, CheckBox):
            form.addRow(line)
            return
        label = QLabel(field.title or name)
        label.setToolTip(editor.toolTip())
        label.setBuddy(editor)
        if name in _BESIDE.values():
            # Two editors need the full width.
            form.addRow(label)
            form.addRow(line)
        else:
            form.addRow(label, line)


def make_editor(name: str, field: FieldInfo) -> Editor:
    """Return an editor for the type and the bounds of a setting."""
    union = typing.get_origin(field.annotation) in (typing.Union, types.UnionType)
    found = typing.get_args(field.annotation) if union else (field.annotation,)
    kinds = [kind for kind in found if kind is not type(None)]
    optional = len(kinds) < len(found)
    kind, special = kinds[0], _EMPTY.get(name, "auto")
    editor: CheckBox | ChoiceBox | FloatBox | IntBox | PairBox | TextBox
    if kind is bool:
        editor = CheckBox(field.title or name)
    elif typing.get_origin(kind) is Literal:
        editor = ChoiceBox(typing.get_args(kind))
        editor.set_texts(WORDS.get(name, {}))
    elif kind is int:
        low, high, _ = _bounds(field.metadata)
        editor = IntBox(low, high, optional=optional, special=special)
    elif kind is float:
        low, high, exclusive = _bounds(field.metadata)
        editor = FloatBox(
            low, high, exclusive_minimum=exclusive, optional=optional, special=special
        )
    elif typing.get_origin(kind) is tuple:
        low, high, _ = _bounds(_metadata(typing.get_args(kind)[0]))
        editor = PairBox(low, high)
    elif kind is str and name in _FOLDERS:
        editor = FolderBox(*_FOLDERS[name])
    elif kind is str:
        editor = TextBox(special if optional else "")
    else:
        raise TypeError(f"there is no editor for the setting {name} of type {kind}")
    editor.setObjectName(name)
    extra = field.json_schema_extra
    unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
    if unit and isinstance(editor, FloatBox | IntBox | PairBox):
        editor.setSuffix(_SUFFIXES.get(unit, f" {unit}"))
    editor.setToolTip(tooltip(field.description or "", unit))
    return editor


def tooltip(text: str, unit: str = "") -> str:
    """Return a tooltip as rich text, so that Qt wraps lines."""
    return f"<qt>{html.escape(text)}{f' In {html.escape(unit)}.' if unit else ''}</qt>"


def _form_layout() -> QFormLayout:
    form = form_layout()
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    return form


def _metadata(annotation: Any) -> list[Any]:
    """Return the constraints of an annotated type, such as those of the numbers of a pair."""

    class Probe(BaseModel):
        value: annotation

    return Probe.model_fields["value"].metadata


def _bounds(metadata: list[Any]) -> tuple[Any, Any, bool]:
    low: Any = None
    high: Any = None
    exclusive = False
    for item in metadata:
        if isinstance(item, Ge):
            low = item.ge
        elif isinstance(item, Gt):
            low, exclusive = item.gt, True
        elif isinstance(item, Le):
            high = item.le
        elif isinstance(item, Lt):
            raise TypeError("settings with an exclusive upper bound have no editor")
    return low, high, exclusive
