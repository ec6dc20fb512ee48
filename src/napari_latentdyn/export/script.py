"""A run as a Python script that makes it again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from pprint import pformat
from typing import Any

from napari_latentdyn.core.atomic import write_text
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import Steps, new_file
from napari_latentdyn.presets import PRESETS
from napari_latentdyn.settings import Settings, iter_fields

__all__ = ["changes_from_preset", "script_text", "write_script"]

_SCRIPT = '''\
"""Makes a result of napari-latentdyn again: run it with [FIRST LAST] [-o FOLDER].

Dropped onto napari, it shows the result in the viewer instead. The same images,
settings and seed give the same result on the same kind of computer.
"""

import argparse
import sys
from pathlib import Path

from napari_latentdyn import {imports}

SETTINGS = Settings.preset({preset!r}).updated(
    {{
{changes}    }}
)
{constants}


{pair}

def learn(pair):
    fitting = fit(pair, SETTINGS)
    while True:
        try:
            progress = next(fitting)
        except StopIteration as end:
            print(file=sys.stderr)
            return end.value
        text = f"\\r{{progress.phase}} {{progress.step}}/{{progress.total}} "
        print(text, end="", file=sys.stderr)


def dropped_onto():
    """Return the viewer this script was dropped onto, or None if it runs on its own."""
    if "napari" not in sys.modules:
        return None
    import napari

    return napari.current_viewer()


def show(viewer, dynamics):
    from napari_latentdyn.layers import Placement, result_layers, update_or_add

    update_or_add(
        viewer,
        result_layers(
            frames=dynamics.frames(),
            times=dynamics.times(),
            velocity=dynamics.fields,
            field_times=dynamics.field_times,
            settings=SETTINGS,
            report={{**dynamics.report, "inputs": INPUTS}},
            placement=Placement.from_dict(PLACEMENT),
            run_id=NAME,
            name=NAME,
        ),
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", nargs="?", default=FIRST, help="first image (%(default)s)")
    parser.add_argument("last", nargs="?", default=LAST, help="last image (%(default)s)")
    again = Path(NAME).name + "-again"
    parser.add_argument("-o", "--output", default=again, help="folder to write")
    chosen = parser.parse_args(arguments)
    if Path(chosen.output).exists():
        parser.error(f"{{chosen.output}} already exists; choose another folder with -o.")
    try:
        dynamics = learn(read_pair(chosen.first, chosen.last))
        print(dynamics.save(chosen.output, inputs=INPUTS, placement=PLACEMENT))
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    viewer = dropped_onto()
    if viewer is None:
        main()
    else:
        show(viewer, learn(read_pair(FIRST, LAST)))
'''

_PAIR_OF_FILES = '''\
def read_pair(first, last):
    """Read the two images as the command line does."""
    images = [read_image(str(first)), read_image(str(last))]
    missing = [image.missing for image in images]
    for index, mask in enumerate(MASKS):
        if mask is not None:
            masked = read_mask(mask)
            missing[index] = masked if missing[index] is None else masked | missing[index]
    return ImagePair.from_arrays(
        images[0].array,
        images[1].array,
        SETTINGS.images,
        channel_axis=images[0].channel_axis,
        channel_axis_last=images[1].channel_axis,
        mask_first=missing[0],
        mask_last=missing[1],
    )
'''

_PAIR_OF_RUN = '''\
def read_pair(first, last):
    """Read two image files, or without them the images that the run folder keeps."""
    if first is None or last is None:
        return Dynamics.load(RUN).pair
    images = [read_image(str(first)), read_image(str(last))]
    return ImagePair.from_arrays(
        images[0].array,
        images[1].array,
        SETTINGS.images,
        channel_axis=images[0].channel_axis,
        channel_axis_last=images[1].channel_axis,
        mask_first=images[0].missing,
        mask_last=images[1].missing,
    )
'''


def write_script(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Write a Python script that learns the same from the same images.

    It runs with ``python script.py [FIRST LAST] [-o FOLDER]``, and by drag and
    drop onto napari, where it adds the layers. The images are those files that
    the run was made from; where it was made from layers, those that its run
    folder keeps.

    Parameters
    ----------
    source : Source
        A run.
    path : str or Path
        File to write.
    overwrite : bool
        Replace a file that is there.
    on_progress, should_stop : callable, optional
        As in `target.Steps`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        If the source is no run, or the file is there or cannot be written.
    Stopped
        If the user asked for it.
    """
    steps = Steps(1, on_progress, should_stop)
    text = script_text(source)
    with new_file(path, overwrite=overwrite, what="the script") as file:
        write_text(file, text)
        steps.next()
    return Path(path)


def script_text(source: Source) -> str:
    """Return the text of the script.

    Raises
    ------
    ExportError
        If the settings are not known, or neither files nor a run folder hold the images.
    """
    if source.settings is None:
        raise ExportError("a script needs the settings of a run; export from a run folder.")
    inputs = {end: dict((source.report.get("inputs") or {}).get(end) or {}) for end in _ENDS}
    paths = [inputs[end].get("path") for end in _ENDS]
    from_files = all(isinstance(path, str) for path in paths)
    constants = [
        f"NAME = {_literal(str(source.name))}",
        f"VERSION = {_literal(source.report.get('version'))}  # that wrote this script",
    ]
    if from_files:
        masks = [inputs[end].get("mask") for end in _ENDS]
        constants += [
            f"FIRST = {_literal(paths[0])}",
            f"LAST = {_literal(paths[1])}",
            f"MASKS = {_literal(masks)}",
        ]
        imports = "ImagePair, Settings, UserError, fit, read_image, read_mask"
        pair = _PAIR_OF_FILES
    elif source.folder is not None:
        constants += ["FIRST = LAST = None", f"RUN = {_literal(str(source.folder))}"]
        imports = "Dynamics, ImagePair, Settings, UserError, fit, read_image"
        pair = _PAIR_OF_RUN
    else:
        raise ExportError(
            "The script cannot locate the images. Save a run folder and open it first."
        )
    constants.append(f"INPUTS = {_literal(inputs)}")
    constants.append(f"PLACEMENT = {_literal(source.report.get('placement'))}")
    preset, changes = changes_from_preset(source.settings)
    return _SCRIPT.format(
        imports=imports,
        preset=preset,
        changes="".join(
            f"        {_literal(name)}: {_literal(value)},\n" for name, value in changes.items()
        ),
        constants="\n".join(constants),
        pair=pair,
    )


_ENDS = ("first", "last")


def _literal(value: Any) -> str:
    """Return a value of a report as a literal of Python.

    Names and reports come from others, and whatever they hold must stay data:
    nothing of them stands in the script in any other way than this.
    """
    text = pformat(_plain(value), width=98, sort_dicts=False)
    # Characters beyond ASCII as escapes: no encoding or invisible sign changes what is read.
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(entry) for entry in value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def changes_from_preset(settings: Settings) -> tuple[str, dict[str, Any]]:
    """Return the nearest preset and what differs from it, by dotted name.

    The seed is always among it, because the result depends on it.
    """
    names = [name for name, _ in iter_fields()]
    found: list[tuple[int, str, dict[str, Any]]] = []
    for preset in PRESETS:
        base = Settings.preset(preset)
        changes = {
            name: settings.get(name)
            for name in names
            if name == "training.seed" or settings.get(name) != base.get(name)
        }
        found.append((len(changes), preset, changes))
    _, preset, changes = min(found, key=lambda entry: entry[0])
    return preset, changes
