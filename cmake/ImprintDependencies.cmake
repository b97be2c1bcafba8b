# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0

# Everything that is not ours. deploy/install_deps.sh installs it.

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CURL REQUIRED)
find_package(Protobuf REQUIRED) # module mode: Debian ships no ProtobufConfig.cmake
find_package(gRPC CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(mimalloc CONFIG REQUIRED)

if(NOT TORCH_ROOT AND NOT DEFINED ENV{TORCH_ROOT})
  set(TORCH_ROOT ${CMAKE_SOURCE_DIR}/build/deps/python/torch CACHE PATH
      "folder that holds lib/libtorch_cpu.so")
endif()
find_package(TorchWheel REQUIRED)
message(STATUS "libtorch ${TorchWheel_VERSION} at ${TORCH_ROOT}")

# google/rpc/*.proto: the messages of rich errors.
file(GLOB _googleapis_candidates
     ${CMAKE_SOURCE_DIR}/build/deps/venv/lib/python3*/site-packages)
find_path(GOOGLEAPIS_PROTO_DIR google/rpc/error_details.proto
          PATHS ${_googleapis_candidates} NO_DEFAULT_PATH
          DOC "folder that holds google/rpc/error_details.proto" REQUIRED)
