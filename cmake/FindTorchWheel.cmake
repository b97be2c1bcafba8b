# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0

# Finds libtorch in an unpacked PyPI torch wheel (site-packages/torch) and
# defines torch::torch. The wheel's own TorchConfig.cmake is not used: it wants a
# CUDA toolkit. Only libtorch_cpu and libc10 are linked; libtorch_cuda is loaded
# at run time when a CUDA device is asked for.
#
#   TORCH_ROOT (cache variable or environment)  holds lib/libtorch_cpu.so

if(NOT TORCH_ROOT AND DEFINED ENV{TORCH_ROOT})
  set(TORCH_ROOT "$ENV{TORCH_ROOT}")
endif()
set(TORCH_ROOT "${TORCH_ROOT}" CACHE PATH "folder that holds lib/libtorch_cpu.so")

find_library(TorchWheel_CPU_LIBRARY torch_cpu PATHS "${TORCH_ROOT}/lib" NO_DEFAULT_PATH)
find_library(TorchWheel_C10_LIBRARY c10 PATHS "${TORCH_ROOT}/lib" NO_DEFAULT_PATH)
find_library(TorchWheel_OPENMP_LIBRARY NAMES libgomp.so.1 PATHS "${TORCH_ROOT}/lib" NO_DEFAULT_PATH)
find_path(TorchWheel_INCLUDE_DIR ATen/ATen.h PATHS "${TORCH_ROOT}/include" NO_DEFAULT_PATH)
set(TorchWheel_VERSION "")
if(EXISTS "${TORCH_ROOT}/version.py")
  file(STRINGS "${TORCH_ROOT}/version.py" _version_line REGEX "^__version__")
  string(REGEX REPLACE ".*['\"](.*)['\"].*" "\\1" TorchWheel_VERSION "${_version_line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TorchWheel
  REQUIRED_VARS TorchWheel_CPU_LIBRARY TorchWheel_C10_LIBRARY TorchWheel_OPENMP_LIBRARY
                TorchWheel_INCLUDE_DIR
  VERSION_VAR TorchWheel_VERSION
  REASON_FAILURE_MESSAGE "run deploy/install_deps.sh, or set TORCH_ROOT")

if(TorchWheel_FOUND AND NOT TARGET torch::torch)
  # The wheel's include folder also holds protobuf 3.13 and fmt 12, which would
  # shadow the system's. Only what libtorch's own headers need is exposed.
  set(_include "${CMAKE_BINARY_DIR}/torch-include")
  file(MAKE_DIRECTORY "${_include}")
  foreach(_entry ATen c10 caffe2 torch sleef.h)
    if(EXISTS "${TorchWheel_INCLUDE_DIR}/${_entry}")
      file(CREATE_LINK "${TorchWheel_INCLUDE_DIR}/${_entry}" "${_include}/${_entry}" SYMBOLIC)
    endif()
  endforeach()

  # at::parallel_for is a loop of one thread where OpenMP is off. It shares the wheel's own
  # threads. Under the thread sanitizer it stays off: libgomp's barriers are invisible to it; and
  # for fuzzing, since clang would bring a second library of threads.
  set(_openmp_option)
  set(_openmp_library)
  if(NOT IMPRINT_SANITIZE MATCHES "thread" AND NOT IMPRINT_FUZZ)
    set(_openmp_option -fopenmp)
    set(_openmp_library "${TorchWheel_OPENMP_LIBRARY}")
  endif()

  add_library(torch::c10 SHARED IMPORTED GLOBAL)
  set_target_properties(torch::c10 PROPERTIES IMPORTED_LOCATION "${TorchWheel_C10_LIBRARY}")
  add_library(torch::torch SHARED IMPORTED GLOBAL)
  set_target_properties(torch::torch PROPERTIES
    IMPORTED_LOCATION "${TorchWheel_CPU_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${_include};${_include}/torch/csrc/api/include"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${_include};${_include}/torch/csrc/api/include"
    INTERFACE_COMPILE_OPTIONS "${_openmp_option}"
    INTERFACE_LINK_LIBRARIES "torch::c10;${_openmp_library}"
    # libtorch_cpu finds libcudart and libcupti through its own RPATH; the
    # programs do not refer to them.
    INTERFACE_LINK_OPTIONS "LINKER:--allow-shlib-undefined;LINKER:-rpath-link,${TORCH_ROOT}/lib")
endif()
