# Two images from one file: `trader` (the default), which runs the bot, and `trainer`, which also holds TensorFlow.
#
#   docker build -t candlewick .
#   docker build -t candlewick-trainer --target trainer .

FROM python:3.13-slim-bookworm AS wheel
WORKDIR /src
COPY requirements/build.txt requirements/
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY strategies strategies
COPY risk risk
COPY config config
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist .

FROM python:3.13-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1
# The number is stated so that a mounted folder can be given to it; /data is all that it may write.
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin candlewick \
    && install --directory --owner candlewick --group candlewick /data
WORKDIR /data

FROM base AS trainer
COPY requirements/train.txt /opt/candlewick/
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r /opt/candlewick/train.txt
COPY --from=wheel /dist /opt/candlewick
RUN pip install --no-cache-dir --no-deps /opt/candlewick/*.whl
USER 10001:10001
VOLUME /data
ENTRYPOINT ["candlewick"]
CMD ["train", "--help"]

FROM base AS trader
COPY requirements/runtime.txt /opt/candlewick/
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r /opt/candlewick/runtime.txt
COPY --from=wheel /dist /opt/candlewick
RUN pip install --no-cache-dir --no-deps /opt/candlewick/*.whl
USER 10001:10001
VOLUME /data
# Alive means that candles arrive, not that a process exists: the newest one in the journal must be recent.
HEALTHCHECK --interval=60s --timeout=20s --start-period=10m --retries=3 \
    CMD ["candlewick", "health", "/data/run"]
ENTRYPOINT ["candlewick"]
CMD ["paper", "--exchange", "binance", "--symbol", "BTC/USDT", "--out", "/data/run"]
