# The exchange for production: two stages, an ordinary user, nothing but Python and the pinned wheels.
# tests/startup/test_dockerfile.py runs the RUN and CMD lines below in a fresh virtual environment.
FROM python:3.13-slim AS build
WORKDIR /srv/gengheng
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /srv/venv
RUN /srv/venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements/run.txt
COPY LICENSE LICENSE
COPY alembic alembic
COPY app app
# The program runs from its sources, where the migrations lie beside it; this is its command.
RUN printf '#!/srv/venv/bin/python\nfrom app.cli import main\n\nmain()\n' > /srv/venv/bin/gengheng && chmod 755 /srv/venv/bin/gengheng
RUN /srv/venv/bin/python -m compileall -q app

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin gengheng
COPY --from=build /srv /srv
WORKDIR /srv/gengheng
ENV PATH=/srv/venv/bin:$PATH
ENV PYTHONPATH=/srv/gengheng
ENV PYTHONDONTWRITEBYTECODE=1
ENV PYTHONUNBUFFERED=1
ENV GENGHENG_ENVIRONMENT=production
ENV GENGHENG_HOST=0.0.0.0
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + (os.environ.get('GENGHENG_PORT') or os.environ.get('PORT') or '8000') + '/readyz', timeout=3)"]
CMD ["gengheng", "serve"]
