"""Pictures of masks, for people and for programs to paste."""
