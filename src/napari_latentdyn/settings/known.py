"""Files of what the user knows, in a file of settings.

They belong to one scene, as images do, so that `Settings` does not have them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field

from napari_latentdyn.errors import SettingsError
from napari_latentdyn.files.paths import input_file, named, why
from napari_latentdyn.settings.base import FrozenModel
from napari_latentdyn.settings.text import read_json, shown

__all__ = ["KNOWN_GROUP", "KnownFiles", "read_groups"]

#: Name of the group in a file of settings.
KNOWN_GROUP = "known"


def _several(value: Any) -> Any:
    if not isinstance(value, str | list | tuple):
        raise ValueError(f"must be a path or a list of paths; got {shown(value)}")
    return [value] if isinstance(value, str) else value


_Files = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_several)]


class KnownFiles(FrozenModel):
    """Files of missing pixels, regions, tracks and landmarks; each a path or several.

    The names are those of the flags of `run`.
    """

    mask: _Files = ()
    still: _Files = ()
    wall: _Files = ()
    roi: _Files = ()
    sources: _Files = ()
    rigid: _Files = ()
    tracks: _Files = ()
    landmarks: _Files = ()
    hold_back: float = Field(default=0.0, ge=0)

    @classmethod
    def from_json(cls, source: str | Path) -> Self:
        """Read the group `known` of a JSON file of settings; without it, there are no files.

        Relative paths start from the folder of the file.

        Raises
        ------
        SettingsError
            If the file cannot be read, is not JSON, or the group holds an unknown name or a
            wrong value.
        """
        path, data = read_groups(source)
        found = data.get(KNOWN_GROUP, {}) if isinstance(data, dict) else {}
        try:
            files = cls.parse(found)
        except SettingsError as error:
            raise SettingsError(
                f"in the settings file {named(path)}: {KNOWN_GROUP}: {error}"
            ) from None
        folder = path.absolute().parent
        return files.model_copy(
            update={
                name: tuple(str(folder / Path(file).expanduser()) for file in value)
                for name, value in files
                if isinstance(value, tuple)
            }
        )


def read_groups(source: str | Path) -> tuple[Path, Any]:
    """Return the path and the content of a JSON file of settings.

    Raises
    ------
    SettingsError
        If the file cannot be read or is not JSON.
    """
    path = input_file(
        source, lambda reason: SettingsError(f"cannot read the settings file: {reason}")
    )
    try:
        return path, read_json(path)
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {named(path)}: {why(error)}.") from None
    except ValueError as error:
        raise SettingsError(
            f"the settings file {named(path)} is not valid JSON: {error}."
        ) from None
