"""Values of settings in plain words, for the lists of the windows.

Files and flags keep the short values; a value without words is shown as it is.
"""

from __future__ import annotations

from napari_latentdyn.equations import AUTO, EQUATIONS

__all__ = ["WORDS"]

#: By the dotted name of the setting and by value.
WORDS: dict[str, dict[str, str]] = {
    "images.normalisation": {
        "pair": "full range of both images",
        "percentile": "range without outliers",
        "patch": "range of each patch",
    },
    "images.brightness": {"keep": "use as it is", "follow": "remove overall changes"},
    "model.fields_from": {"first": "first image", "both": "both images"},
    "model.timing": {"even": "same at every stage", "free": "free at every stage"},
    "model.initial_fields": {
        "zero": "no motion",
        "extracted": "pretrained network",
        "matched": "matched to the images",
    },
    "model.refinement": {"short": "short matching", "full": "full matching"},
    "model.weighting": {"equal": "all equal", "held_out": "by prediction of hidden blocks"},
    "physics.equation": {name: equation.title for name, equation in EQUATIONS.items()}
    | {AUTO: "by prediction of hidden blocks"},
    "physics.transport": {
        "stages": "interpolate at every stage",
        "characteristics": "interpolate once",
    },
    "physics.motion": {
        "steady": "steady flow",
        "inertial": "straight paths",
        "local": "steady, straight at edges",
    },
    "physics.constraint": {
        "divergence_free": "divergence-free",
        "rigid": "one rigid body",
    },
    "physics.interpolation": {"spline": "cubic B-spline"},
    "physics.departure": {"euler": "first order (Euler)", "midpoint": "second order (midpoint)"},
    "physics.border": {"clamp": "repeat the border", "exclude": "leave out inflow"},
    "training.data_term": {"square": "squared difference", "robust": "robust to outliers"},
    "training.smoothness": {"first": "first differences", "second": "second differences"},
    "arrows.uncertainty": {"1": "1 standard deviation"}
    | {count: f"{count} standard deviations" for count in ("2", "5", "10")},
    "maps.kind": {"shear": "maximum shear", "total": "total deformation"},
    "tracers.start": {"slider": "time slider", "first": "first image", "last": "last image"},
}
