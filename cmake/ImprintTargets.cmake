# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0

# The functions that every room's CMakeLists.txt is written with. A room lists
# its files and the rooms it may use; all else is decided here.

# imprint_library(NAME SRCS ... DEPS ... [PRIVATE_DEPS ...] [TORCH])
#
# A static library from SRCS; DEPS are part of its interface. With TORCH it links
# libtorch and gets ATen precompiled. Without SRCS it only passes DEPS on.
function(imprint_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SRCS;DEPS;PRIVATE_DEPS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "imprint_library(${name}): unknown ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_SRCS)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${arg_DEPS})
    return()
  endif()
  add_library(${name} STATIC ${arg_SRCS})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
  target_compile_options(${name} PRIVATE ${IMPRINT_WARNINGS})
  imprint_compile_failpoints(${arg_SRCS})
  target_link_libraries(${name} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
  if(arg_TORCH)
    imprint_use_torch(${name})
  endif()
endfunction()

# imprint_executable(NAME SRCS ... DEPS ... [TORCH])
function(imprint_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SRCS;DEPS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "imprint_executable(${name}): unknown ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_SRCS)
    return()
  endif()
  add_executable(${name} ${arg_SRCS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${IMPRINT_WARNINGS})
  # protobuf comes first: libtorch_cpu exports a few weak symbols over
  # google::protobuf types, and the first library that has one wins.
  target_link_libraries(${name} PRIVATE protobuf::libprotobuf gRPC::grpc ${arg_DEPS})
  if(IMPRINT_SANITIZE MATCHES "thread")
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/testing/tsan_mutex.cc)
  endif()
  if(arg_TORCH)
    imprint_use_torch(${name})
  endif()
endfunction()

# imprint_test(NAME SRCS ... DEPS ... [TORCH] [NO_MAIN] [TIMEOUT seconds]
#              [ENVIRONMENT NAME=value ...])
#
# One GoogleTest program and one ctest entry for it. It runs in the root of the
# source tree, so that it finds tests/golden. NO_MAIN: SRCS have their own main().
function(imprint_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH;NO_MAIN" "TIMEOUT" "SRCS;DEPS;ENVIRONMENT")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "imprint_test(${name}): unknown ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_SRCS)
    return()
  endif()
  set(torch)
  if(arg_TORCH)
    set(torch TORCH)
  endif()
  set(main GTest::gmock_main)
  if(arg_NO_MAIN)
    set(main)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  imprint_executable(${name} SRCS ${arg_SRCS} DEPS ${arg_DEPS} ${main} GTest::gmock GTest::gtest
                     ${torch})
  if(IMPRINT_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # gcc takes what the sanitizer adds to libtorch's headers for reads of what nobody wrote.
    target_compile_options(${name} PRIVATE -Wno-maybe-uninitialized)
  endif()
  # One entry per program: starting a program that links libtorch takes longer
  # than most of its cases. tests/run.sh counts the cases from the JSON.
  add_test(NAME ${name}
           COMMAND ${name} --gtest_output=json:${CMAKE_BINARY_DIR}/test_results/${name}.json
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "OMP_WAIT_POLICY=PASSIVE;IMPRINT_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};${arg_ENVIRONMENT}")
endfunction()

# imprint_benchmark(NAME SRCS ... DEPS ... [TORCH])
function(imprint_benchmark name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SRCS;DEPS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "imprint_benchmark(${name}): unknown ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(torch)
  if(arg_TORCH)
    set(torch TORCH)
  endif()
  imprint_executable(${name} SRCS ${arg_SRCS} DEPS ${arg_DEPS} benchmark::benchmark ${torch})
endfunction()

# Links libtorch and precompiles ATen/ATen.h, which costs 7 seconds a file else.
# The header is compiled once, by imprint_torch.
function(imprint_use_torch name)
  target_link_libraries(${name} PRIVATE torch::torch)
  target_precompile_headers(${name} REUSE_FROM imprint_torch)
endfunction()

# imprint_proto_library(NAME ROOT folder PROTOS ... [SERVICES ...] [DEPS ...])
#
# C++ from .proto files, named as they import each other, relative to ROOT.
# SERVICES are those that also get gRPC stubs. Include "path/of/the.pb.h".
function(imprint_proto_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "ROOT" "PROTOS;SERVICES;DEPS")
  set(generated ${CMAKE_BINARY_DIR}/generated)
  set(sources)
  set(import_path --proto_path=${arg_ROOT})
  if(NOT arg_ROOT STREQUAL GOOGLEAPIS_PROTO_DIR)
    list(APPEND import_path --proto_path=${GOOGLEAPIS_PROTO_DIR})
  endif()
  foreach(proto IN LISTS arg_PROTOS arg_SERVICES)
    string(REGEX REPLACE "[.]proto$" "" stem ${proto})
    set(outputs ${generated}/${stem}.pb.cc ${generated}/${stem}.pb.h)
    set(grpc_options)
    if(proto IN_LIST arg_SERVICES)
      list(APPEND outputs ${generated}/${stem}.grpc.pb.cc ${generated}/${stem}.grpc.pb.h)
      set(grpc_options --grpc_out=${generated}
          --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    endif()
    # Every message may import every other of the library.
    list(TRANSFORM arg_PROTOS PREPEND ${arg_ROOT}/ OUTPUT_VARIABLE imported)
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
      COMMAND protobuf::protoc ${import_path} --cpp_out=${generated} ${grpc_options}
              ${arg_ROOT}/${proto}
      DEPENDS ${arg_ROOT}/${proto} ${imported}
      COMMENT "Generating C++ from ${proto}"
      VERBATIM)
    list(APPEND sources ${outputs})
  endforeach()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} SYSTEM PUBLIC $<BUILD_INTERFACE:${generated}>)
  target_include_directories(${name} PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_options(${name} PRIVATE -w)
  target_link_libraries(${name} PUBLIC ${arg_DEPS} protobuf::libprotobuf)
  if(arg_SERVICES)
    target_link_libraries(${name} PUBLIC gRPC::grpc++)
  endif()
endfunction()

# Holds the precompiled ATen header that imprint_use_torch() shares out.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/torch_pch.cc CONTENT "// Only a home for the header.\n")
add_library(imprint_torch STATIC ${CMAKE_BINARY_DIR}/torch_pch.cc)
target_link_libraries(imprint_torch PUBLIC torch::torch)
target_precompile_headers(imprint_torch PRIVATE <ATen/ATen.h>)
# gcc uses the header only where the same warnings are on: -Wpedantic is a macro.
target_compile_options(imprint_torch PRIVATE ${IMPRINT_WARNINGS})
