# SPDX-License-Identifier: MIT
#
# Dockerfile - persona as an image: the Debian package built in one stage and installed in the other, so that debian/control is the
# only list of what it needs. `make image` builds it; docs/INSTALL.md says how it is run.

FROM debian:forky-slim AS build
ENV DEBIAN_FRONTEND=noninteractive DEB_BUILD_PROFILES=nocheck DEB_BUILD_OPTIONS="nocheck noautodbgsym"
COPY debian/control /src/debian/control
WORKDIR /src
RUN apt-get update && \
    apt-get build-dep -y --no-install-recommends . && \
    apt-get install -y --no-install-recommends dpkg-dev g++
COPY . /src
RUN dpkg-buildpackage -us -uc -b

FROM debian:forky-slim
RUN --mount=type=bind,from=build,source=/,target=/build \
    apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /build/persona_*.deb && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin persona && \
    install -d -o persona -g persona -m 0700 /data
# Vectors, models, jobs and the server's own state.
ENV XDG_DATA_HOME=/data XDG_CACHE_HOME=/data/cache LC_ALL=C.UTF-8
USER persona
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8000 && printf 'GET /health HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && grep -q ' 200 ' <&3"]
# SIGTERM lets running answers end (--drain). It listens for other machines, so it wants PERSONA_API_KEY or --keys.
ENTRYPOINT ["persona"]
CMD ["serve", "--host", "0.0.0.0"]
