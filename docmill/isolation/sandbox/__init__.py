"""Confinement of engine processes by Landlock and seccomp."""
