"""Rating masks: the server of `anymask rate`, and in which order what is shown to whom."""
