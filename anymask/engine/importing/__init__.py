"""Importing: masks that exist already, from files of other tools into a store."""
