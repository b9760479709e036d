"""Films: frames in their order, of a video file or of images."""
