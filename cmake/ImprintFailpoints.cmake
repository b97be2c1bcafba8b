# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0

# Where failpoints (common/failpoint.h) are compiled in: only in these files, and there only with
# the option IMPRINT_FAILPOINTS, or in imprintd_failpoints, which every build can make.
set(IMPRINT_FAILPOINT_SOURCES
  common/file_util.cc
  server/backup/backup_writer.cc
  server/experience/experience_log.cc
  server/experience/log_forget.cc
  server/generator/worker.cc
  server/model/safetensors_writer.cc
  server/store/database.cc
  server/store/purge.cc
  server/update/distiller.cc
  server/update/job_ledger.cc
  server/version/version_files.cc
  server/version/version_manager.cc)
list(TRANSFORM IMPRINT_FAILPOINT_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/)

# With the option, defines IMPRINT_FAILPOINTS for those of a library's sources that have points.
function(imprint_compile_failpoints)
  if(NOT IMPRINT_FAILPOINTS)
    return()
  endif()
  foreach(source IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH source)
    if(source IN_LIST IMPRINT_FAILPOINT_SOURCES)
      set_source_files_properties(${source} PROPERTIES COMPILE_DEFINITIONS IMPRINT_FAILPOINTS)
    endif()
  endforeach()
endfunction()

# imprintd_failpoints: imprintd with the points, without a second build of everything. The files
# that have points are compiled once more and linked as objects, before the libraries: what they
# define is not looked for in the libraries, so their twins in there stay out. All that is linked
# beside them is what imprintd is made of.
function(imprint_failpoint_server)
  add_library(imprint_failpoint_objects OBJECT ${IMPRINT_FAILPOINT_SOURCES})
  target_include_directories(imprint_failpoint_objects PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(imprint_failpoint_objects PRIVATE IMPRINT_FAILPOINTS)
  target_compile_options(imprint_failpoint_objects PRIVATE ${IMPRINT_WARNINGS})
  target_link_libraries(imprint_failpoint_objects PRIVATE imprint_server RocksDB::rocksdb-shared)
  imprint_use_torch(imprint_failpoint_objects)
  # The same files are in the compile database already; clang-tidy checks each once.
  set_target_properties(imprint_failpoint_objects PROPERTIES EXPORT_COMPILE_COMMANDS OFF)
  imprint_executable(imprintd_failpoints
    SRCS
      ${CMAKE_SOURCE_DIR}/server/main.cc
      $<TARGET_OBJECTS:imprint_failpoint_objects>
    DEPS
      imprint_server
    TORCH)
  target_link_options(imprintd_failpoints PRIVATE -Wl,--no-as-needed)  # as imprintd
  target_link_libraries(imprintd_failpoints PRIVATE mimalloc)
endfunction()
