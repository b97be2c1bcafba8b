# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0

# Builds the Rust crate in server/text/rust and defines imprint_text_shim.
#
# All build trees share its target folder: it is compiled once, for the release
# and the sanitizer builds alike.

find_program(CARGO_EXECUTABLE cargo HINTS $ENV{CARGO_HOME}/bin $ENV{HOME}/.cargo/bin REQUIRED)
set(IMPRINT_CARGO_TARGET_DIR ${CMAKE_SOURCE_DIR}/build/cargo CACHE PATH
    "where cargo builds; shared by all build trees")
set(_rust_flags)
set(_cargo_options)
set(_cargo_profile release)
if(IMPRINT_FUZZ)
  # What libFuzzer needs to see where an input leads in the crates, too. With a target of its own,
  # the flags are not for what runs while it is built.
  set(IMPRINT_CARGO_TARGET_DIR ${CMAKE_BINARY_DIR}/cargo)
  set(_cargo_options --target ${CMAKE_HOST_SYSTEM_PROCESSOR}-unknown-linux-gnu)
  set(_cargo_profile ${CMAKE_HOST_SYSTEM_PROCESSOR}-unknown-linux-gnu/release)
  set(_rust_flags "RUSTFLAGS=-Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=3 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares")
endif()

set(_crate ${CMAKE_SOURCE_DIR}/server/text/rust)
set(_library ${IMPRINT_CARGO_TARGET_DIR}/${_cargo_profile}/libimprint_text.a)
add_custom_command(
  OUTPUT ${_library}
  COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${IMPRINT_CARGO_TARGET_DIR} ${_rust_flags}
          ${CARGO_EXECUTABLE} build --quiet --release --locked --lib
          --manifest-path ${_crate}/Cargo.toml ${_cargo_options}
  # cargo leaves a library that it need not build as it is; ninja wants it newer.
  COMMAND ${CMAKE_COMMAND} -E touch ${_library}
  DEPENDS ${_crate}/Cargo.toml ${_crate}/Cargo.lock ${_crate}/src/lib.rs
          ${_crate}/src/template.rs ${_crate}/src/tokenizer.rs
  COMMENT "Building the Rust crate imprint_text"
  VERBATIM)
add_custom_target(imprint_text_cargo DEPENDS ${_library})

add_library(imprint_text_shim STATIC IMPORTED GLOBAL)
add_dependencies(imprint_text_shim imprint_text_cargo)
set_target_properties(imprint_text_shim PROPERTIES
  IMPORTED_LOCATION ${_library}
  INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS};m")
