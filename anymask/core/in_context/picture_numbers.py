"""Picture numbers: how SegGPT reads pictures and targets alike."""

IMAGE_MEAN, IMAGE_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of RGB in 0-1
