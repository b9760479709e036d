"""Writing datasets: images with their objects, in the formats of other programs."""
