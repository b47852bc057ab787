FROM python:3.13-slim

WORKDIR /app

# The dependencies stand in a layer of their own, which an edit of the code does not touch; pip
# installs a project's dependencies only along with the project, hence the empty one, of which nothing
# may stay: setuptools takes what it has built for new where that is younger than the source.
COPY pyproject.toml requirements.lock ./
RUN mkdir emulator \
 && touch README.md emulator/__init__.py \
 && pip install --no-cache-dir --constraint requirements.lock '.[aws]' \
 && rm -rf emulator build *.egg-info

COPY README.md ./
COPY emulator emulator
RUN pip install --no-cache-dir --no-deps --force-reinstall .

ENV PYTHONUNBUFFERED=1 \
    TESTBED_HOST=0.0.0.0 \
    TESTBED_PORT=8000 \
    TESTBED_BACKEND=docker \
    TESTBED_TEMPLATE=/functions/template.yaml \
    TESTBED_STATE_DIR=/state

EXPOSE 8000
CMD ["testbed", "up"]
