"""Training in several processes, with `torch.distributed` and torchrun.

The batch is that of one process. Each process runs the networks on its share of the batch;
the losses are computed from the outputs of all processes, so that no mean depends on the
number of processes; DistributedDataParallel averages the gradients.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_latentdyn.core.networks.device import resolve
from napari_latentdyn.core.training.torchrun import launched
from napari_latentdyn.errors import DeviceError, FitError, ProcessError, Stopped

__all__ = ["Processes", "together"]

#: Time after which a process that waits for the others fails. Longer than the matching of
#: one process takes more than that of another.
_TIMEOUT = timedelta(minutes=30)


@dataclass(frozen=True)
class Processes:
    """The processes that train together; one process by default.

    Attributes
    ----------
    rank, count : int
        Number of this process, and of all processes.
    local_count : int
        Number of the processes of this computer, which share its cores.
    """

    rank: int = 0
    count: int = 1
    local_count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """Return the device of a setting, for this process; see `resolve`."""
        if self.count == 1:
            return resolve(name)
        return resolve(_shared_device(name))

    def share(self, size: int) -> NDArray[np.int64]:
        """Return the indices of a batch of `size` that belong to this process.

        All shares have the same length: where `size` is not divisible by the number of
        processes, some processes repeat samples from the start of the batch, which
        `whole_batch` drops. The leading samples of all shares are the leading ones of the batch.
        """
        each = -(-size // self.count)
        return (self.rank + self.count * np.arange(each)) % size

    def whole_batch(self, tensors: Sequence[Tensor], size: int) -> list[Tensor]:
        """Return tensors of the whole batch of `size` from those of the shares (b, ...).

        The gradient of a loss of the result flows to the share of this process alone, and
        `backward` adds those of all shares.
        """
        if self.count == 1:
            return list(tensors)
        # One transfer of all tensors takes less time than one transfer each.
        own = torch.cat([tensor.flatten(1).float() for tensor in tensors], dim=1)
        parts = [torch.empty_like(own) for _ in range(self.count)]
        dist.all_gather(parts, own.detach().contiguous())
        parts[self.rank] = own
        whole = torch.stack(parts, dim=1).flatten(0, 1)[:size]
        columns = whole.split([tensor[0].numel() for tensor in tensors], dim=1)
        return [
            column.reshape(size, *tensor.shape[1:]).to(tensor.dtype)
            for column, tensor in zip(columns, tensors, strict=True)
        ]

    def wrapped(self, module: nn.Module, *, partly_used: bool = False) -> nn.Module:
        """Return a module whose gradients are averaged over the processes.

        Parameters
        ----------
        module : Module
            Its weights become those of the first process.
        partly_used : bool
            Whether some steps use some of the weights only.
        """
        if self.count == 1:
            return module
        return nn.parallel.DistributedDataParallel(module, find_unused_parameters=partly_used)

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of a loss of the whole batch in a `wrapped` module."""
        # The mean over the processes of this gradient is the sum over the shares.
        (loss if self.count == 1 else loss * self.count).backward()

    def any(self, value: bool) -> bool:
        """Return whether a value is true in one of the processes; all have to ask."""
        if self.count == 1:
            return value
        found = torch.tensor([int(value)])
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return bool(found.item())

    @contextlib.contextmanager
    def stopping_together(self) -> Iterator[None]:
        """Raise `Stopped` in all processes if one of them raises it inside."""
        try:
            yield
        except Stopped:
            self.any(True)
            raise
        if self.any(False):
            raise Stopped("stopped before a result was found.")

    def from_first(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the array of the first process, in all processes."""
        if self.count == 1:
            return values
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        dist.broadcast(tensor, 0)
        return tensor.numpy()

    def failure(self, error: BaseException) -> FitError:
        """Return the error for the user of an error of PyTorch in the training."""
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if self.count == 1:
            return FitError(f"the training failed: {text}")
        if isinstance(error, dist.DistError) or "gloo" in text.lower():
            return FitError("another process of the training ended before this one.")
        return ProcessError(f"the training failed in process {self.rank}: {text}")


@contextlib.contextmanager
def together(device: str = "auto") -> Iterator[Processes]:
    """Connect the processes that torchrun started; yield one process without torchrun.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"}
        The device of the training. On CUDA each process has a GPU of its own.

    Raises
    ------
    DeviceError
        If the device cannot be used by this number of processes.
    """
    launch = launched()
    if launch.count == 1:
        yield Processes()
        return
    kind = resolve(_shared_device(device)).type
    if kind == "cuda":
        gpus = torch.cuda.device_count()
        if launch.local_count > gpus:
            raise DeviceError(
                f"torchrun starts {launch.local_count} processes on a computer with {gpus} GPU"
                f"{'s' * (gpus > 1)}: give --nproc-per-node {gpus}, or --device cpu."
            )
        torch.cuda.set_device(launch.local_rank)
    # Flags and scenes are in the main memory, networks on the device.
    dist.init_process_group("cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo", timeout=_TIMEOUT)
    completed = False
    try:
        yield Processes(launch.rank, launch.count, launch.local_count)
        completed = True
    finally:
        # After an error, NCCL could wait for processes that ended.
        if completed or kind != "cuda":
            dist.destroy_process_group()


def _shared_device(name: str) -> str:
    """Return the device that several processes use for the device of a setting."""
    if name == "mps":
        raise DeviceError(
            "the device mps works in one process: start without torchrun, or give --device cpu."
        )
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name
