"""A form for the settings, built from their model."""

from __future__ import annotations

import html
import types
import typing
from typing import Any, Literal, Protocol

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal, SignalInstance
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_latentdyn.settings import Settings, iter_fields
from napari_latentdyn.settings.run import STARTS
from napari_latentdyn.settings.words import WORDS
from napari_latentdyn.widgets.editors import CheckBox, ChoiceBox, FloatBox, IntBox, PairBox
from napari_latentdyn.widgets.folder_box import FolderBox
from napari_latentdyn.widgets.layouts import form_layout

__all__ = ["Editor", "SettingsForm", "make_editor", "tooltip"]

# What an empty optional setting says of itself.
_EMPTY = {
    "images.channel": "all",
    "images.interval": "not known",
    "images.missing_value": "none",
    "output.frames": "at each stage",
}
# Names that a text can be; any other text is the path of a folder of this kind.
_FOLDERS = {"training.start_from": (STARTS, "a saved run")}
# Settings that stand beside another one instead of having a line of their own.
_BESIDE = {"images.interval_unit": "images.interval"}
_SUFFIXES = {"pixels": " px"}
_ANY_HEIGHT = 16_777_215  # QWIDGETSIZE_MAX


class Editor(Protocol):
    """What the form needs of the editor of one setting."""

    edited: SignalInstance

    def value(self) -> Any:
        """Return the value."""

    def setValue(self, value: Any) -> None:
        """Set the value."""


class SettingsForm(QWidget):
    """All settings: the usual ones, and the rest behind "Advanced".

    Every editor's object name is the dotted name of its setting. Settings
    that are not shown keep the value that they had in `set_value`.
    """

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._base = Settings()
        self._editors: dict[str, Editor] = {}
        self._rows: dict[str, QHBoxLayout] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        basic = _wrapping_form()
        layout.addLayout(basic)
        self.advanced = QCollapsible("Advanced", expandedIcon="▾", collapsedIcon="▸")
        self.advanced.setObjectName("advanced")
        self.advanced.setDuration(0)
        self.advanced.toggled.connect(self._free_height)
        self.advanced.layout().setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.advanced)
        content = QWidget()
        self.advanced.content().layout().addWidget(content)
        self._inner = QVBoxLayout(content)
        self._inner.setContentsMargins(0, 0, 0, 0)
        sections: dict[str, QFormLayout] = {}
        self._forms = [basic]
        for name, field in iter_fields():
            extra = field.json_schema_extra
            extra = extra if isinstance(extra, dict) else {}
            if extra.get("form", True) is False:
                continue
            target = basic
            if extra.get("advanced"):
                group = name.split(".")[0]
                if group not in sections:
                    sections[group] = self._add_section(group)
                target = sections[group]
            self._add_row(target, name, field)
        self.set_value(self._base)

    def editor(self, name: str) -> Any:
        """Return the editor of a setting."""
        return self._editors[name]

    def add_note(self, name: str, note: QWidget) -> None:
        """Put a note below the line of a setting."""
        row = self._rows[name]
        form = next(form for form in self._forms if form.indexOf(row) >= 0)
        form.insertRow(form.getLayoutPosition(row)[0] + 1, note)

    def value(self) -> Settings:
        """Return the settings.

        Raises
        ------
        SettingsError
            If values do not fit together.
        """
        changes = {name: editor.value() for name, editor in self._editors.items()}
        if changes["output.frames"] is not None:
            changes["output.times"] = None
        return self._base.updated(changes)

    def set_value(self, settings: Settings) -> None:
        """Show other settings; `valueChanged` tells of it at most once."""
        before = {name: editor.value() for name, editor in self._editors.items()}
        changed = settings.output.times != self._base.output.times
        self._base = settings
        blocked = self.blockSignals(True)
        for name, editor in self._editors.items():
            editor.setValue(settings.get(name))
            changed = changed or editor.value() != before[name]
        self.blockSignals(blocked)
        if changed:
            self.valueChanged.emit()

    def snapshot(self) -> tuple[Settings, dict[str, Any]]:
        """Return what `restore` takes: also values that do not fit together."""
        return self._base, {name: editor.value() for name, editor in self._editors.items()}

    def restore(self, snapshot: tuple[Settings, dict[str, Any]]) -> None:
        """Show what a form showed when its snapshot was taken."""
        base, values = snapshot
        self.set_value(base)
        for name, value in values.items():
            self._editors[name].setValue(value)

    def _free_height(self, expanded: bool) -> None:
        # QCollapsible pins the height of its content; lines that wrap need more in a narrow window.
        if expanded:
            self.advanced.content().setMaximumHeight(_ANY_HEIGHT)

    def _add_section(self, group: str) -> QFormLayout:
        title = QLabel(f"<b>{Settings.model_fields[group].title}</b>")
        self._inner.addWidget(title)
        form = _wrapping_form()
        self._inner.addLayout(form)
        self._forms.append(form)
        return form

    def _add_row(self, form: QFormLayout, name: str, field: FieldInfo) -> None:
        editor = make_editor(name, field)
        editor.edited.connect(self.valueChanged)
        self._editors[name] = editor
        assert isinstance(editor, QWidget)
        if name in _BESIDE:
            self._rows[_BESIDE[name]].addWidget(editor, 1)
            return
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(editor, 1)
        self._rows[name] = row
        if isinstance(editor, CheckBox):
            form.addRow(row)
            return
        label = QLabel(field.title or name)
        label.setToolTip(editor.toolTip())
        label.setBuddy(editor)
        if name in _BESIDE.values():
            # Two editors need the whole width, and the label would widen the column of labels.
            form.addRow(label)
            form.addRow(row)
        else:
            form.addRow(label, row)


def make_editor(name: str, field: FieldInfo) -> Editor:
    """Make the editor that suits the type and the bounds of a setting.

    Raises
    ------
    TypeError
        If there is no editor for the type.
    """
    kinds = [kind for kind in _kinds(field.annotation) if kind is not type(None)]
    optional = len(kinds) < len(_kinds(field.annotation))
    kind, special = kinds[0], _EMPTY.get(name, "auto")
    editor: CheckBox | ChoiceBox | FloatBox | IntBox | PairBox
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
    """Return a tooltip that Qt wraps into lines."""
    return f"<qt>{html.escape(text)}{f' In {html.escape(unit)}.' if unit else ''}</qt>"


def _wrapping_form() -> QFormLayout:
    form = form_layout()
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    return form


def _kinds(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _metadata(annotation: Any) -> list[Any]:
    """List the constraints of an annotated type, such as each number of a pair."""

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
