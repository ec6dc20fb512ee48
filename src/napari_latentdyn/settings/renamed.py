"""Former names of settings, in files that users may have."""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["with_present_names"]

#: By group and former name: the present name, and the present value of each former value.
_RENAMED: dict[str, dict[str, tuple[str, dict[str, str]]]] = {
    "model": {"initial_fields": ("initial_fields", {"drift": "matched", "flow": "matched"})},
    "physics": {"ends": ("equation", {"first": "advection", "both": "source"})},
}

_log = logging.getLogger("napari_latentdyn")


def with_present_names(group: Any, data: Any) -> Any:
    """Return the settings of a group by their present names, and log each renamed setting."""
    if not isinstance(data, dict):
        return data
    for former, (name, values) in _RENAMED.get(group, {}).items():
        given = data.get(former)
        taken = name != former and name in data
        if taken or not isinstance(given, str) or given not in values:
            continue
        data = {key: value for key, value in data.items() if key != former}
        data[name] = values[given]
        if name == former:
            _log.warning("%s.%s: '%s' was read as '%s'.", group, name, given, values[given])
        else:
            _log.warning(
                "%s.%s is now %s.%s; '%s' was read as '%s'.",
                *(group, former, group, name, given, values[given]),
            )
    return data
