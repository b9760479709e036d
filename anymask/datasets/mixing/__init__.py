"""Several datasets as one."""
