"""The command line: one file a group of commands. torch is imported only when needed."""
