"""The section "What I know": layers with a role, and the trust in positions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QWidget,
)
from superqt import QCollapsible

from napari_latentdyn.core.knowledge.tracks import SIGMA
from napari_latentdyn.viewer.knowledge.reading import ROLES
from napari_latentdyn.widgets.editors import NARROW, ChoiceBox, FloatBox, IntBox
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.labels import StatusLine
from napari_latentdyn.widgets.layouts import column, form_layout, row

__all__ = ["KnownSection"]

_TITLE = "What I know"
_LINES = 4
_ANY_HEIGHT = 16_777_215  # QWIDGETSIZE_MAX
_LAYER = (
    "A labels, shapes or binary image layer with a region, a points layer with landmarks, or a "
    "tracks layer. Layers are read when they change."
)
_ROLE = (
    "Still: nothing moves there, such as land. Wall: nothing flows through, and motion along it is "
    "free. Missing: the pixels are left out. Region of interest: motion is computed there only. "
    "Sources: new values appear there only, with the equation of sparse sources. Rigid bodies: "
    "each label or shape moves and turns as one. A region that is "
    "drawn on one image holds for all images, except missing pixels, which belong to the image "
    "that they are drawn on. Landmarks are the same points in the same order on two images: in one "
    "points layer with a time axis, or in two layers, one for each image."
)
_LABEL = "Label that is the region; all labels by default."
_SIGMA = (
    "Standard deviation of the positions of landmarks and tracks, in pixels of the images. A "
    "feature sigma of a layer comes first."
)
_HELD = (
    "Part of the landmarks and tracks that takes no part in the result, to measure how well the "
    "others predict it."
)


class _FewLines(QListWidget):
    """A list with the height of its entries, up to four."""

    def sizeHint(self) -> QSize:
        """Return the height of the entries."""
        line = self.sizeHintForRow(0) if self.count() else self.fontMetrics().lineSpacing()
        frame = 2 * self.frameWidth() + 2
        return QSize(120, line * min(max(self.count(), 1), _LINES) + frame)

    def minimumSizeHint(self) -> QSize:
        """Return the same height, and a small width."""
        return QSize(60, self.sizeHint().height())


class KnownSection(QCollapsible):
    """A list of layers with their roles, and editors to add layers to it.

    The object names are ``known.add_layer``, ``known.add_label``, ``known.add_role``,
    ``known.add``, ``known.rows``, ``known.remove``, ``known.sigma``, ``known.hold_back`` (percent)
    and ``known.status``.
    """

    layerChosen = Signal()
    addRequested = Signal()
    removeRequested = Signal(int)
    valueChanged = Signal()

    def __init__(self) -> None:
        super().__init__(_TITLE, expandedIcon="▾", collapsedIcon="▸")
        self.setObjectName("known")
        self.setDuration(0)
        self.layout().setContentsMargins(0, 0, 0, 0)
        self.toggled.connect(self._free_height)
        title = self.findChild(QPushButton)
        if title is not None:
            # Long counts must not widen the window.
            title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.layer, self.role, self.label = ChoiceBox(), ChoiceBox(), IntBox(1, optional=True)
        self.label.setSpecialValueText("all labels")
        self.label.setStyleSheet(NARROW)
        self.add, self.remove = QPushButton("Add"), QPushButton("Remove")
        self.rows = _FewLines()
        self.sigma = FloatBox(0.0, exclusive_minimum=True)
        self.hold_back = IntBox(0, 90)
        self.status = StatusLine(lines=1)
        for name, widget, text in (
            ("add_layer", self.layer, _LAYER),
            ("add_label", self.label, _LABEL),
            ("add_role", self.role, _ROLE),
            ("add", self.add, "Add the layer with this role to the list."),
            ("rows", self.rows, "Layers that the next run uses, with their roles."),
            ("remove", self.remove, "Remove the chosen entry; its layer stays in the viewer."),
            ("sigma", self.sigma, _SIGMA),
            ("hold_back", self.hold_back, _HELD),
            ("status", self.status, ""),
        ):
            widget.setObjectName(f"known.{name}")
            widget.setToolTip(tooltip(text) if text else "")
        self._dress()
        self.show_rows(())
        self.offer_layers(())
        self.offer_roles((), has_labels=False)

    def show_rows(self, texts: Sequence[str], *, has_marks: bool = False) -> None:
        """Show the entries; the uncertainty is shown for landmarks and tracks."""
        chosen = self.rows.currentRow()
        more = len(texts) > self.rows.count()
        with QSignalBlocker(self.rows):
            self.rows.clear()
            for text in texts:
                item = QListWidgetItem(text)
                item.setToolTip(text)
                self.rows.addItem(item)
            self.rows.setCurrentRow(len(texts) - 1 if more else min(chosen, len(texts) - 1))
        self._list.setVisible(bool(texts))
        self._trust.setVisible(has_marks)
        self.rows.updateGeometry()
        self._free_height(self.isExpanded())

    def offer_layers(self, items: Iterable[tuple[str, str]]) -> None:
        """List the layers that can be added."""
        items = list(items)
        self.layer.set_items(items)
        if self.layer.value() is None and items:
            with QSignalBlocker(self.layer):
                self.layer.setValue(items[0][0])

    def offer_roles(self, roles: Sequence[str], *, has_labels: bool) -> None:
        """List the roles of the chosen layer."""
        self.role.set_items([(role, ROLES[role]) for role in roles])
        if self.role.value() is None and roles:
            self.role.setValue(roles[0])
        self.label.setVisible(has_labels)
        for part in (self.layer, self.role, self.add):
            part.setEnabled(bool(roles))

    def show_count(self, count: str) -> None:
        """Show in the title what is known, such as "3 masks, 12 tracks"."""
        self.setText(f"{_TITLE}: {count}" if count else _TITLE)

    def _dress(self) -> None:
        self.sigma.setValue(SIGMA)
        self.sigma.setSuffix(" px")
        self.hold_back.setSuffix(" %")
        for button in (self.add, self.remove):
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.rows.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.rows.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list, self._trust, content = QWidget(), QWidget(), QWidget()
        self._list.setLayout(row(self.rows, self.remove))
        trust = form_layout()
        self._trust.setLayout(trust)
        for text, box in (("Uncertainty", self.sigma), ("Held back", self.hold_back)):
            label = QLabel(text)
            label.setBuddy(box)
            label.setToolTip(box.toolTip())
            trust.addRow(label, box)
        lines = (
            self._list,
            row(self.layer, self.label),
            row(self.role, self.add),
            self._trust,
            self.status,
        )
        column(lines, content, (12, 2, 0, 2), 4)
        self.content().layout().setContentsMargins(0, 0, 0, 0)
        self.content().layout().addWidget(content)
        self.layer.edited.connect(self.layerChosen)
        self.add.clicked.connect(self.addRequested)
        self.remove.clicked.connect(lambda: self.removeRequested.emit(self.rows.currentRow()))
        self.sigma.edited.connect(self.valueChanged)
        self.hold_back.edited.connect(self.valueChanged)

    def _free_height(self, expanded: bool) -> None:
        # QCollapsible fixes the height of its content, which changes with the entries.
        if expanded:
            self.content().setMaximumHeight(_ANY_HEIGHT)
