"""Networks as PyTorch modules, ours and published ones; only `train` and `convert` import them."""
