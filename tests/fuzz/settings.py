"""Settings: mappings, JSON text, text of single values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fuzz.values import (
    Random,
    mutate_bytes,
    mutate_data,
    pick,
    some_text,
    some_value,
    to_json,
)

from napari_latentdyn.settings import Settings, iter_fields, parse_value
from napari_latentdyn.settings.names import full_names

__all__ = ["some_changes", "some_settings_text", "try_settings"]

_NAMES = [name for name, _ in iter_fields()]
_PRESETS = ("quick", "standard", "accurate", "paper")


def some_name(random: Random) -> str:
    """Return the name of a setting, or nearly one."""
    name = str(pick(random, _NAMES))
    what = random.integers(8)
    if what == 0:
        return some_text(random)
    if what == 1:
        return name.partition(".")[2]
    if what == 2:
        return name[:-1]
    return name.replace(".", "__") if what == 3 else name


def some_changes(random: Random) -> dict[str, Any]:
    """Return settings by name, seldom sensible ones."""
    return {some_name(random): some_value(random, 2) for _ in range(int(random.integers(1, 4)))}


def some_settings_text(random: Random) -> bytes:
    """Return the content of a file of settings."""
    data: Any = Settings.preset(str(pick(random, _PRESETS))).model_dump(mode="json")
    for _ in range(int(random.integers(3))):
        data = mutate_data(random, data)
    content = to_json(data).encode("utf-8", "surrogatepass")
    return mutate_bytes(random, content) if random.random() < 0.3 else content


def try_settings(random: Random, folder: Path) -> None:
    """Read settings in one of the ways in which they are given."""
    what = random.integers(5)
    if what == 0:
        file = folder / "settings.json"
        file.write_bytes(some_settings_text(random))
        settings = Settings.from_json(file)
        assert Settings.parse(settings.model_dump(mode="json")) == settings
    elif what == 1:
        Settings().updated(some_changes(random))
    elif what == 2:
        Settings().updated(full_names(some_changes(random)))
    elif what == 3:
        data: Any = Settings().model_dump()
        Settings.parse(mutate_data(random, data) if random.random() < 0.8 else some_value(random))
    else:
        name = some_name(random)
        Settings().updated({name: parse_value(name, some_text(random))})
