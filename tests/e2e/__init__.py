"""The deployment end to end: `make e2e` builds the images, runs the compose file, and breaks it.

Not part of `make test`, because it needs a Docker engine, root and some minutes. `compose.yml` and
`stand_ins` replace the images that cannot be pulled everywhere.
"""
