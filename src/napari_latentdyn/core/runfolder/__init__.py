"""The run folder; needs no PyTorch."""
