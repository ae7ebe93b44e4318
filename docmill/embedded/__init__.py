"""The home folder, and the Temporal server and worker that serve it."""
