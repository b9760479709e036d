"""Models for other runtimes: ONNX graphs that are proved equal before they get their name."""
