"""Runs named tensors through a network file; the only user of ONNX Runtime, blind to pictures."""
