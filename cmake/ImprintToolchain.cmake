# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0

# How our own code is compiled: warnings, sanitizers, cache and linker.

# Warnings are errors for our own targets (see imprint_library); generated code
# and other people's headers are left alone.
set(IMPRINT_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                     -Werror)

# Everywhere, because it is a macro that a precompiled header must agree on.
add_compile_options(-pthread)

if(IMPRINT_SANITIZE)
  add_compile_options(-fsanitize=${IMPRINT_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${IMPRINT_SANITIZE})
  if(IMPRINT_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

if(IMPRINT_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "IMPRINT_FUZZ needs clang: cmake --preset fuzz")
  endif()
  # From 18 on clang names templates with constraints as gcc 12, which made the libraries, does not.
  add_compile_options(-fsanitize=fuzzer-no-link -fclang-abi-compat=17)
  # Of libstdc++'s own: std::stable_sort's buffer.
  list(APPEND IMPRINT_WARNINGS -Wno-deprecated-declarations)
endif()

find_program(IMPRINT_CCACHE ccache)
if(IMPRINT_CCACHE)
  # A precompiled header is only cached with these kinds of sloppiness. Paths below the
  # source tree are hashed as relative ones, so that checkouts share what they compile.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${IMPRINT_CCACHE})
  add_compile_options(-fpch-preprocess)
endif()

find_program(IMPRINT_MOLD mold)
if(IMPRINT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
