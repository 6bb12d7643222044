"""Migrations of the archive, run by `Database.open`."""
