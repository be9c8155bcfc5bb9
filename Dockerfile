# The controller; with `--target sandbox` the small cluster of docker-compose.yml as well. Debian's own Python, no
# compiler and no pip in what runs. It runs as any user and writes nothing.
#
# The base is a tag that has Debian's security fixes at each build. To build the same thing again, name it by digest,
# which `docker buildx imagetools inspect debian:bookworm-slim` tells:
#   docker build --build-arg BASE=debian:bookworm-slim@sha256:... .
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS python
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/*
# Nothing can be written later: all Python files are compiled at installation.
ENV PATH=/opt/rollout/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    TZ=UTC \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

FROM python AS tools
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3-venv
WORKDIR /build
COPY requirements-build.lock ./
RUN python3 -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-build.lock

FROM tools AS wheel
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /dist .

FROM tools AS dependencies
COPY requirements-runtime.lock ./
RUN python3 -m venv --without-pip /opt/rollout \
    && /opt/build/bin/pip --python /opt/rollout/bin/python install \
        --no-cache-dir --require-hashes --only-binary :all: -r requirements-runtime.lock

FROM dependencies AS dependencies-with-sandbox
COPY requirements-sandbox.lock ./
RUN /opt/build/bin/pip --python /opt/rollout/bin/python install \
        --no-cache-dir --require-hashes --only-binary :all: -r requirements-sandbox.lock

FROM dependencies AS packages
COPY --from=wheel /dist /dist
RUN /opt/build/bin/pip --python /opt/rollout/bin/python install --no-deps --no-index /dist/*.whl

FROM dependencies-with-sandbox AS packages-with-sandbox
COPY --from=wheel /dist /dist
RUN /opt/build/bin/pip --python /opt/rollout/bin/python install --no-deps --no-index /dist/*.whl

FROM python AS sandbox
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends prometheus \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/* \
    && install --directory --owner=65532 --group=65532 /var/lib/sandbox
COPY --from=packages-with-sandbox /opt/rollout /opt/rollout
USER 65532:65532
ENTRYPOINT ["python", "-m", "sandbox"]
CMD ["--directory", "/var/lib/sandbox"]

FROM python AS controller
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="progressive-delivery" \
    org.opencontainers.image.description="A progressive delivery controller for Kubernetes" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=packages /opt/rollout /opt/rollout
USER 65532:65532
EXPOSE 7071
ENTRYPOINT ["rollout"]
CMD ["controller"]
