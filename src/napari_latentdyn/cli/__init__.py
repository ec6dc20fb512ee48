"""The command line ``napari-latentdyn``: the same settings and the same core as the window.

Results go to disk and the name of their folder to standard output; progress and
messages go to standard error. PyTorch is imported only when the arguments are
known to be right.
"""

from napari_latentdyn.cli.main import main

__all__ = ["main"]
