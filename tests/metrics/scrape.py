"""Scrapes of a metrics endpoint, as Prometheus does them."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.mill import until


@dataclass(frozen=True)
class Scrape:
    """The samples of one scrape: name, labels, value.

    Attributes:
        at: its time in seconds, on a monotonic clock.
    """

    text: str
    samples: tuple[tuple[str, dict[str, str], float], ...]
    at: float = field(default_factory=time.monotonic)

    @property
    def names(self) -> set[str]:
        """Names of all series."""
        return {name for name, _, _ in self.samples}

    def values(self, name: str, **labels: str) -> list[float]:
        """Values of the series that have these labels."""
        return [
            value
            for found, its, value in self.samples
            if found == name and labels.items() <= its.items()
        ]

    def sum(self, name: str, **labels: str) -> float:
        """Their sum, as `sum(...)` in PromQL; 0 if there is none."""
        return sum(self.values(name, **labels))


async def scrape(address: str) -> Scrape:
    """Scrape the endpoint at ``HOST:PORT``."""
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.get(f"http://{address}/metrics")
    assert answer.status_code == httpx.codes.OK
    families = text_string_to_metric_families(answer.text)
    samples = [(one.name, dict(one.labels), one.value) for it in families for one in it.samples]
    return Scrape(answer.text, tuple(samples))


async def until_scraped(address: str, condition: Callable[[Scrape], bool]) -> Scrape:
    """Scrape until a condition holds; an endpoint that does not listen yet is asked again."""
    last: list[Scrape] = []

    async def look() -> bool:
        try:
            last[:] = [await scrape(address)]
        except httpx.TransportError:
            return False
        return condition(last[0])

    found: Awaitable[None] = until(look)
    try:
        await found
    except TimeoutError:
        own = [line for one in last for line in one.text.splitlines() if "docmill" in line]
        raise AssertionError("\n".join(own)) from None
    return last[0]
