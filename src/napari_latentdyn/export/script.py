"""A Python script that repeats a run.

A run folder may come from somebody else. Its values reach the script only as constants, written
by `ascii` or as JSON within `ascii`, and never as text of docstrings or comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.runfolder.folder import read_settings
from napari_latentdyn.core.runfolder.report import plain_json, read_report
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.format import Format, Steps
from napari_latentdyn.files.atomic import write_text
from napari_latentdyn.settings import Settings, iter_fields
from napari_latentdyn.settings.presets import PRESETS

if TYPE_CHECKING:
    import xarray

__all__ = ["FORMAT", "changes_from_preset", "script_text"]

_SCRIPT = '''\
"""Makes a result of napari-latentdyn again: run it with [IMAGE IMAGE ..] [-o FOLDER].

Dropped onto napari, it shows the result in the viewer instead. The same images,
settings and seed give the same result on the same kind of computer. Regions and
tracks that were known come from the run folder, and hold for other images of the
same size and place, too.
"""

import argparse
import json
import sys

from napari_latentdyn import (
    Dynamics, ImageSpace, Knowledge, Settings, UserError, fit, read_image
)
from napari_latentdyn.cli.runs import geometry_of, observe, report_of
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.runfolder.evidence import doubts, gains
from napari_latentdyn.files.paths import check_writable, output_path
from napari_latentdyn.generators import drain

SETTINGS = Settings.preset({preset!r}).updated(
    {{
{changes}    }}
)
{constants}


def read_images(files, known=KNOWN):
    """Read image files, or without them the images that the run folder keeps.

    With `known`, regions and tracks are those of the run folder.
    """
    if not files:
        kept = Dynamics.load(RUN).observations
        return kept if known else kept.with_knowledge(Knowledge())
    images = [read_image(file) for file in files]
    place = None if PLACEMENT is None else Geometry.from_report(PLACEMENT)
    sources = INPUTS
    if files != IMAGES:
        place = geometry_of(*images) or place
        sources = [report_of(*both) for both in zip(images, MASKS or [None] * len(images))]
    observations = observe(images, MASKS or None, SETTINGS, TIMES).described(place, sources)
    return with_known(observations) if known else observations


def with_known(observations):
    """Return images with the regions and tracks of the run folder."""
    try:
        kept = Dynamics.load(RUN).observations
        ImageSpace.of(kept).check_same_pixels(ImageSpace.of(observations))
        return observations.with_knowledge(kept.known)
    except UserError as error:
        raise UserError(
            "the regions and tracks of the run cannot be used: "
            f"{{str(error).rstrip('.')}}; --without-known leaves them out."
        ) from None


def learn(observations):
    dynamics = drain(fit(observations, SETTINGS), show_progress)
    told = gains(dynamics.report) + doubts(dynamics.report)
    print("", *told, sep="\\n", file=sys.stderr)
    return dynamics


def show_progress(progress):
    text = f"\\r{{progress.phase}} {{progress.step}}/{{progress.total}} "
    print(text, end="", file=sys.stderr)


def dropped_onto():
    """Return the viewer this script was dropped onto, or None if it runs on its own."""
    if "napari" not in sys.modules:
        return None
    import napari

    return napari.current_viewer()


def show(viewer, dynamics):
    from napari_latentdyn.viewer.layers import result_layers, update_or_add

    dynamics.name = dynamics.run_id = NAME
    update_or_add(viewer, result_layers(dynamics))


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Makes a result of napari-latentdyn again.")
    parser.add_argument(
        "images", metavar="IMAGE", nargs="*", help="other images, in order of time"
    )
    parser.add_argument("-o", "--output", default=OUTPUT, help="folder to write")
    parser.add_argument(
        "--without-known",
        action="store_true",
        help="use no regions and tracks that were known",
    )
    chosen = parser.parse_args(arguments)
    if len(chosen.images) not in (0, len(TIMES)):
        parser.error(f"give {{len(TIMES)}} images, or none; got {{len(chosen.images)}}.")
    try:
        output = output_path(chosen.output, UserError)
        check_writable(output, UserError, folder=True)
    except UserError as error:
        parser.error(str(error))
    if output.exists():
        parser.error(f"{{chosen.output}} already exists; choose another folder with -o.")
    try:
        known = KNOWN and not chosen.without_known
        dynamics = learn(read_images(chosen.images or IMAGES, known))
        print(dynamics.save(output))
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    viewer = dropped_onto()
    if viewer is None:
        main()
    else:
        show(viewer, learn(read_images(IMAGES)))
'''


def _write(data: xarray.Dataset, path: Path, steps: Steps) -> None:
    folder = Path(data.encoding["source"])
    report = read_report(folder).model_dump(exclude_none=True)
    write_text(path, script_text(read_settings(folder), report, folder.name, folder))


def script_text(settings: Settings, report: Mapping[str, Any], name: str, folder: Path) -> str:
    """Return the text of a script that makes the same result from the same images.

    The script runs with ``python script.py [IMAGE IMAGE ..] [-o FOLDER]``, and by drag and drop
    onto napari, where it adds the layers. It reads the files of the run, or the run folder where
    the run was made from layers, or with regions and tracks that are known.
    """
    times = [float(time) for time in report.get("observation_times", (0.0, 1.0))]
    inputs = _inputs(report, len(times))
    files = [source.get("path") for source in inputs]
    masks = [source.get("mask") for source in inputs]
    if not any(isinstance(mask, str) for mask in masks):
        masks = []
    if report.get("known") or not all(isinstance(path, str) for path in files):
        files = []
    constants = {
        "NAME": _text(name),
        "VERSION": _text(report.get("version")),
        "OUTPUT": _text(_folder_name(name)),
        "RUN": _text(str(folder)),
        "IMAGES": _texts(files),
        "TIMES": repr(times),
        "MASKS": _texts(masks),
        "KNOWN": repr(bool(report.get("known"))),
        "INPUTS": _json(inputs),
        "PLACEMENT": _json(report.get("placement")),
    }
    preset, changes = changes_from_preset(settings)
    return _SCRIPT.format(
        preset=preset,
        changes="".join(
            f"        {field!r}: {plain_json(value)!a},\n" for field, value in changes.items()
        ),
        constants="\n".join(f"{key} = {value}" for key, value in constants.items()),
    )


def _inputs(report: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Return the description of each image in the report, empty where there is none."""
    given = report.get("inputs")
    found = given if isinstance(given, list) and len(given) == count else [{}] * count
    return [dict(entry) if isinstance(entry, Mapping) else {} for entry in found]


def _text(value: Any) -> str:
    """Return the constant for a text, or None for anything else.

    Characters beyond ASCII become escapes: no encoding and no invisible character changes the text.
    """
    return ascii(str(value)) if isinstance(value, str) else "None"


def _texts(values: Sequence[Any]) -> str:
    """Return the constant for a list of texts."""
    return f"[{', '.join(map(_text, values))}]"


def _folder_name(name: str) -> str:
    """Return a name for the folder to write, valid on every file system."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    return f"{kept.strip('.-')[:40] or 'result'}-again"


def _json(value: Any) -> str:
    """Return one constant expression for plain data of any nesting."""
    try:
        text = json.dumps(plain_json(value), ensure_ascii=False)
    except (RecursionError, ValueError):
        raise ExportError(
            "a script cannot be written, because the report of the run has values that are nested "
            "too deep or are too long; make the run again."
        ) from None
    pieces = re.findall(r".{1,80}(?:\s|\Z)|.{1,80}", text, flags=re.DOTALL)
    lines = "".join(f"    {piece!a}\n" for piece in pieces)
    return f"json.loads(\n{lines})"


def changes_from_preset(settings: Settings) -> tuple[str, dict[str, Any]]:
    """Return the nearest preset and the settings that differ from it, by dotted name.

    The seed is always included, because the result depends on it.
    """
    found: dict[str, dict[str, Any]] = {}
    for preset in PRESETS:
        base = Settings.preset(preset)
        found[preset] = {
            name: settings.get(name)
            for name, _ in iter_fields()
            if name == "training.seed" or settings.get(name) != base.get(name)
        }
    return min(found.items(), key=lambda entry: len(entry[1]))


FORMAT = Format(
    "script",
    "Python script",
    (".py",),
    _write,
    about="A Python script that repeats the run, on its own or in napari.",
    what="the script",
    needs_run=True,
)
