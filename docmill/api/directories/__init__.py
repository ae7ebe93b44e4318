"""Directories, their files, and their sources."""
