# One image for worker, API and command line; the command selects one. Built by `docker compose build`.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
RUN pip install --no-cache-dir uv==0.13.9
COPY pyproject.toml uv.lock ./
RUN UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy uv sync --locked --no-dev --no-cache --compile-bytecode

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home docmill && install -d -o docmill /var/lib/docmill
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY workflows workflows
COPY activities activities
COPY docmill docmill
COPY worker.py starter.py server.py ./
# The user below has no write access here: without this, every start would compile all files.
RUN python -m compileall -q docmill workflows activities worker.py starter.py server.py
# The application runs from its root and is never installed (docs/decisions/0001).
ENV PATH=/app/.venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 \
    DOCMILL_HOME=/var/lib/docmill DOCMILL_LOG_FORMAT=json DOCMILL_SANDBOX=require
USER docmill
VOLUME /var/lib/docmill
CMD ["python", "worker.py"]
