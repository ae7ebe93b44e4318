"""Supervised child processes: what runs in them may hang, crash or grow, and harms nothing else."""
