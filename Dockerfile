# Everything the product needs, made in an image that is thrown away.
FROM python:3.13.15-slim-trixie AS build
WORKDIR /src
RUN python -m venv --without-pip /opt/amtsbote
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY gateway gateway
COPY adapters adapters
COPY schemas schemas
COPY fixtures fixtures
# A pip configuration of your own: docker build --secret id=pip.conf,src="$HOME/.config/pip/pip.conf" .
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m pip --python /opt/amtsbote/bin/python install --no-cache-dir -c constraints.txt '.[server]'

FROM python:3.13.15-slim-trixie
RUN python -m pip uninstall --yes pip \
 && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin amtsbote \
 && install --directory --owner=amtsbote --group=amtsbote --mode=0700 /var/lib/amtsbote
COPY --from=build /opt/amtsbote /opt/amtsbote
# A message's tree is hundreds of small pieces of memory of a few sizes. Each thread keeps four thousand of each
# for the next message, 10 MB at most, and parses and validates in nine tenths of the time.
ENV GLIBC_TUNABLES=glibc.malloc.tcache_count=4000:glibc.malloc.tcache_max=256
ENV PATH=/opt/amtsbote/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AMTSBOTE_VAR=/var/lib/amtsbote \
    AMTSBOTE_HOST=0.0.0.0
WORKDIR /var/lib/amtsbote
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
USER 10001:10001
ENTRYPOINT ["amtsbote"]
CMD ["serve"]
