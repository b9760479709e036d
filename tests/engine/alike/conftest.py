"""The stores that the store's own tests use."""

from tests.engine.store.conftest import database, postgres, sqlite_store, store, where

__all__ = ["database", "postgres", "sqlite_store", "store", "where"]
