"""The order of steps for one wish, parts injected. No decoding, no downloading."""
