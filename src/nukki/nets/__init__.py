"""Networks as PyTorch modules, ours and published ones; only `train` and `convert` import them."""

from nukki.nets.registry import build, convert, parity_run

__all__ = ["build", "convert", "parity_run"]
