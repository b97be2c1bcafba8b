# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
#
#   docker build -t imprint .
#   docker build -t imprint:demo --build-arg DEMO_MODEL=true .   with a demo model
#   docker build -t imprint:cuda --build-arg CUDA=true .         for --device=cuda:N
#
# How to run it: deploy/README.md.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY deploy/install_deps.sh deploy/requirements.txt deploy/
RUN deploy/install_deps.sh
COPY CMakeLists.txt CMakePresets.json ./
COPY client client
COPY cmake cmake
COPY common common
COPY proto proto
COPY server server
# Of the tests nothing is built; CMake wants to know them.
COPY tests tests
# The programs find libtorch where the last stage has it.
RUN cmake --preset release -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON \
      "-DCMAKE_INSTALL_RPATH=\$ORIGIN/../lib/imprint/torch/lib" \
 && cmake --build --preset release --target imprintd imprint

# libtorch_cpu itself needs two small CUDA libraries. Only a GPU needs the others: 3.6 GB.
ARG CUDA=false
RUN if [ "$CUDA" = true ]; then deploy/install_deps.sh --cuda; fi
WORKDIR /src/build/deps/python
RUN set -- torch/lib/libc10.so torch/lib/libgomp.so.1 torch/lib/libtorch_cpu.so \
      nvidia/cu13/lib/libcudart.so.13 nvidia/cu13/lib/libcupti.so.13 \
 && if [ "$CUDA" = true ]; then set -- torch/lib/*.so* nvidia/*/lib/*.so*; fi \
 && mkdir -p /out/lib \
 && cp --parents "$@" ./*.dist-info/licenses/* /out/lib \
 && strip --strip-unneeded /out/lib/torch/lib/*.so* \
 && install -D -s -t /out/bin /src/build/release/bin/imprintd /src/build/release/bin/imprint

WORKDIR /src
COPY deploy/demo_model.py deploy/
ARG DEMO_MODEL=false
RUN mkdir /out/models \
 && if [ "$DEMO_MODEL" = true ]; then \
      build/deps/venv/bin/python deploy/demo_model.py --out /out/models/smollm2-135m-instruct; \
    fi

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates libcurl4 libgrpc++1.51 libmimalloc2.0 libprometheus-cpp-pull1.0 libprotobuf32 librocksdb7.8 \
      libspdlog1.10 tini \
 && rm -rf /var/cache/apt/* /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin \
      imprint \
 && install -d -o imprint -g imprint -m 700 /data /backups
COPY --from=build /out/lib /usr/local/lib/imprint
COPY --from=build /out/bin /usr/local/bin
COPY --from=build /out/models /models
COPY LICENSE /usr/share/doc/imprint/LICENSE

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Imprint" \
      org.opencontainers.image.description="Serves a language model and writes what it is told into its weights" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

USER 10001:10001
VOLUME /data
EXPOSE 50051 9464
# A program that is process 1 itself hears no signal before it has a handler: a stop while
# the model is being loaded would be lost.
ENTRYPOINT ["tini", "--"]
# Reached from inside the container alone, until --listen says otherwise.
CMD ["imprintd", "--model=/models/smollm2-135m-instruct", "--data_dir=/data"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=2m --retries=3 CMD ["imprint", "health"]
