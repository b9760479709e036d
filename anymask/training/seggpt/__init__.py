"""How SegGPT learns (arXiv 2304.03284, §3): in-context colouring, and prompts that are tuned."""
