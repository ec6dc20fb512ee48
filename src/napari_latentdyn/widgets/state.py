"""States of a window."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["State"]


class State(StrEnum):
    """Activity of a window, or the outcome of its last run."""

    IDLE = "idle"
    PREPARING = "preparing"
    TRAINING = "training"
    STOPPING = "stopping"
    RENDERING = "rendering"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def running(self) -> bool:
        """Whether a job is running."""
        return self in (State.PREPARING, State.TRAINING, State.STOPPING, State.RENDERING)
