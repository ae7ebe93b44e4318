"""Supervised child processes for engines. A hang, crash or leak in one affects nothing else."""
