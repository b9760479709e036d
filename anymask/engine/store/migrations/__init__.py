"""Migrations: how a store of an older anymask becomes one of this."""
