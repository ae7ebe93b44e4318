"""Metrics of workers and of the HTTP API, for Prometheus.

`docmill.metrics.catalogue` names all of them. A worker publishes by the meter of its Temporal
runtime, the API by `prometheus_client`: see `docmill.api.core.metrics`. Imports contracts, errors,
records, settings and temporal.
"""
