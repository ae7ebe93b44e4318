"""Classify jobs and their results."""
