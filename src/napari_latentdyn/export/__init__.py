"""Results in the formats that papers, GIS and pipelines take.

`Source` is what there is to export; `FORMATS` lists what it can become, with
the options of each, for the command line and for a dialog. Nothing here needs
PyTorch, Qt or napari, and the library of a format is imported when it is
written.

Examples
--------
>>> from napari_latentdyn.export import Source, export
>>> export(Source.from_run("drift"), "drift.mp4", fps=12, arrows=True)  # doctest: +SKIP
"""

from __future__ import annotations

from napari_latentdyn.export.format import Format, Option
from napari_latentdyn.export.registry import FORMATS, export, find_format
from napari_latentdyn.export.source import Source

__all__ = ["FORMATS", "Format", "Option", "Source", "export", "find_format"]
