"""How a large scene is divided and computed; all else is in the settings of a matching."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, field_validator

from napari_latentdyn.settings.base import FrozenModel
from napari_latentdyn.settings.text import shown

__all__ = ["SCENE_PRESETS", "SceneOptions"]

#: Presets that use no networks; the first one is the default.
SCENE_PRESETS = ("quick", "standard")
_LEAST = 64
_EXAMPLE = "tcp://10.0.0.1:8786"
_ADDRESS = re.compile(r"(\w+://)?[^\s/]+:\d{1,5}")


class SceneOptions(FrozenModel):
    """Tiles of a large scene, and the computers for them."""

    tile: int = Field(
        1024,
        ge=_LEAST,
        le=65_536,
        title="Tile",
        description="Side of the tiles, which bounds the memory.",
        json_schema_extra={"unit": "pixels"},
    )
    scheduler: str | None = Field(
        None,
        title="Dask scheduler",
        description="Compute the tiles on the Dask cluster with this scheduler, such as "
        f"{_EXAMPLE}; its workers read and write the same paths.",
    )

    @field_validator("tile", mode="before")
    @classmethod
    def _large_enough(cls, tile: Any) -> Any:
        if isinstance(tile, int) and tile < _LEAST:
            raise ValueError(f"must be at least {_LEAST} pixels; got {tile}")
        return tile

    @field_validator("scheduler")
    @classmethod
    def _address(cls, scheduler: str | None) -> str | None:
        if scheduler is not None and not _ADDRESS.fullmatch(scheduler):
            raise ValueError(
                f"must be the address of a scheduler, such as {_EXAMPLE}; got {shown(scheduler)}"
            )
        return scheduler
