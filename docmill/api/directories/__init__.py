"""Directories, their files, and the sources that they are synced from."""
