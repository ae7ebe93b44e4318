"""The deployment end to end, in containers.

`make e2e` builds the images, runs the compose file, and breaks it while a batch runs;
`make e2e-observability` runs its profile `observability`. They are not part of `make test`, because
they need a Docker engine, root and some minutes. `compose.yml` and `stand_ins` replace the images
that cannot be pulled everywhere.
"""
