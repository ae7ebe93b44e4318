"""How often engines ran for each file, from the logs of the workers' containers."""

import json
from collections import Counter

from tests.e2e.deployment import Deployment


class EngineRuns:
    """Runs by file. A container's log outlives kills and restarts, but not its removal."""

    def __init__(self) -> None:
        self.of = Counter[str]()

    def read(self, deployment: Deployment, *containers: str) -> None:
        """Count the runs of containers that start no more of them."""
        for container in containers:
            for line in deployment.log(container).splitlines():
                if '"engine.started"' in line:
                    self.of[json.loads(line)["item_id"]] += 1
