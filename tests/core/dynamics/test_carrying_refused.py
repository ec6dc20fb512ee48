"""What cannot be carried is refused in one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from tests.core.dynamics.test_carrying import SIZE, drifting

from napari_latentdyn.core.dynamics.marks import carry_shape, fill_tracks
from napari_latentdyn.errors import DerivedError, SettingsError

LABELS = np.zeros((SIZE, SIZE), int)


@pytest.mark.parametrize(
    ("what", "changes", "error", "words"),
    [
        (LABELS[:50], {}, DerivedError, "must have the shape of the images"),
        (LABELS[:50], {"kind": "labels"}, DerivedError, "labels must have the shape"),
        (LABELS[:50], {"kind": "image"}, DerivedError, "an image must have the shape"),
        (LABELS, {"kind": "map"}, DerivedError, "kind must be labels, image or points; got 'map'"),
        (LABELS + 0.5, {"kind": "labels"}, DerivedError, "whole numbers; got 0.5"),
        (LABELS + np.nan, {"kind": "labels"}, DerivedError, "whole numbers; got nan"),
        (LABELS + np.inf, {"kind": "labels"}, DerivedError, "whole numbers; got infinity"),
        (LABELS + np.nan, {}, DerivedError, "must have valid pixels"),
        (LABELS + 1j, {}, DerivedError, "must hold real numbers"),
        (np.stack([LABELS] * 4), {"start_time": 10.0}, DerivedError, "leave the start time out"),
        (np.stack([LABELS] * 3), {}, DerivedError, "or of 4 of them"),
        (LABELS, {"times": [9.0]}, SettingsError, "between 10 and 13"),
        (LABELS, {"start_time": 14.0}, SettingsError, "between 10 and 13"),
        ([[70.0, 3.0]], {}, DerivedError, "must lie in the image of 64 x 64 pixels"),
        ([[np.nan, 3.0]], {}, DerivedError, "must be finite"),
        (np.zeros((0, 2)), {}, DerivedError, "one or more; got none"),
    ],
)
def test_wrong_input_is_one_sentence(what, changes, error, words):
    with pytest.raises(error, match=words) as told:
        drifting().carry(what, **changes)
    assert str(told.value).endswith(".")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1, 10.0, 5.0]], r"must be numbers \(N, 4\)"),
        ([], r"must be numbers \(N, 4\)"),
        ([[1, 10.0, 5.0, 5.0], [2, 10.0, 5.0, 5.0]], "got 2 tracks with one detection"),
        ([[1, 10.0, 5.0, 5.0]] * 2, "got two or more of track 1 at time 10"),
        ([[1.5, 10.0, 5.0, 5.0]] * 2, "must be whole numbers"),
        ([[1, 10.0, 5.0, np.nan]] * 2, "must be finite"),
        ([[1, 10.0, 500.0, 5.0]] * 2, "must lie in the image"),
        ([[1, 1.0, 5.0, 5.0]] * 2, "between 10 and 13"),
    ],
)
def test_wrong_tracks_are_refused(rows, words):
    with pytest.raises((DerivedError, SettingsError), match=words):
        fill_tracks(drifting(), rows)


@pytest.mark.parametrize(
    ("vertices", "kind", "words"),
    [
        ([[1, 1], [2, 2]], "blob", "must be ellipse, line, path, polygon or rectangle"),
        ([[1, 1], [2, 2]], "polygon", "must have 3 or more vertices; got 2"),
        ([[1, 1], [2, 2], [3, 3]], "line", "must have 2 vertices; got 3"),
        ([[1, 1], [2, 2], [3, 3]], "ellipse", "must have 4 vertices; got 3"),
        ([[99, 99], [100, 100]], "line", "must lie in the image"),
        ([[1, 1e308], [2, -1e308]], "path", "must be finite"),
    ],
)
def test_wrong_shapes_are_refused(vertices, kind, words):
    with pytest.raises(DerivedError, match=words):
        carry_shape(drifting(), vertices, kind)
