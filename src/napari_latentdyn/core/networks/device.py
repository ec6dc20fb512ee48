"""Devices, their memory, and the reason why no GPU is used."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from napari_latentdyn.errors import DeviceError

__all__ = [
    "Device",
    "cuda_note",
    "list_devices",
    "resolve",
    "use_threads",
    "warm_up",
]


@dataclass(frozen=True)
class Device:
    """A device that PyTorch can use.

    `name` is "cpu", "cuda" or "mps", as in the settings; `label` and `note` are for the
    user; `free_bytes` is the free memory, or None if it is not known.
    """

    name: str
    label: str
    free_bytes: int | None
    note: str


def list_devices() -> list[Device]:
    """List the devices of this computer, the fastest first."""
    devices = []
    if torch.cuda.is_available():
        try:
            free, _ = torch.cuda.mem_get_info()
            devices.append(Device("cuda", torch.cuda.get_device_name(), int(free), ""))
        except RuntimeError as error:
            devices.append(Device("cuda", "CUDA", None, f"does not answer: {error}"))
    if torch.backends.mps.is_available():
        devices.append(Device("mps", "Apple GPU", None, ""))
    threads = default_threads()
    devices.append(
        Device("cpu", f"CPU, {threads} thread{'s' * (threads > 1)}", _free_memory(), cuda_note())
    )
    return devices


def cuda_note() -> str:
    """Return one sentence why no GPU is used; empty if one is."""
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        return ""
    if torch.version.cuda is None:
        return (
            f"No GPU: the installed PyTorch {torch.__version__} is built without CUDA; see "
            "Installation for a GPU build."
        )
    return "No GPU: PyTorch finds no CUDA device or no matching NVIDIA driver on this computer."


def resolve(name: str) -> torch.device:
    """Return the device of a setting; "auto" is the fastest one.

    Raises
    ------
    DeviceError
        If the device cannot be used on this computer.
    """
    if name == "auto":
        name = list_devices()[0].name
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available[name]:
        reason = cuda_note().rstrip(".") or "not found"
        raise DeviceError(
            f"the device '{name}' cannot be used on this computer ({reason}): choose auto or cpu."
        )
    return torch.device(name)


def default_threads() -> int:
    """Return a number of threads that leaves one core free: waiting threads occupy their cores."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (count or 1) - 1)


def use_threads(count: int, processes: int = 1) -> None:
    """Set the number of CPU threads of the calling thread; 0 leaves one core free.

    With 0, `processes` that train together share the cores.
    """
    torch.set_num_threads(count or max(1, default_threads() // processes))


def warm_up() -> None:
    """Load the modules that PyTorch loads at the first step of an optimiser."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    torch.optim.Adam([parameter]).step()


def _free_memory() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
