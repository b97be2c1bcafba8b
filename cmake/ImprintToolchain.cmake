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
