# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0

# `cmake --install`: the two programs, and the C++ client library as a CMake package,
# find_package(imprint CONFIG) with the target imprint::client. `--component client` installs
# the library alone. Paths in the package are relative: the folder may be moved.

include(CMakePackageConfigHelpers)
set(_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/imprint)

# libtorch is not installed: imprintd looks where the image has it, then where it was built.
if(NOT DEFINED CMAKE_INSTALL_RPATH)
  set_target_properties(imprintd PROPERTIES
    INSTALL_RPATH "$ORIGIN/../lib/imprint/torch/lib;${TORCH_ROOT}/lib")
endif()
install(TARGETS imprintd imprint RUNTIME COMPONENT programs)

set(_library_targets imprint_client imprint_proto imprint_google_rpc)
set_target_properties(imprint_client PROPERTIES EXPORT_NAME client)
set_target_properties(imprint_proto PROPERTIES EXPORT_NAME proto)
set_target_properties(imprint_google_rpc PROPERTIES EXPORT_NAME google_rpc)
install(TARGETS ${_library_targets} EXPORT imprint_targets
  ARCHIVE COMPONENT client)
install(DIRECTORY client/include/imprint DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT client FILES_MATCHING PATTERN "*.h")
# google/rpc's own headers stay here: no public header needs them.
install(DIRECTORY ${CMAKE_BINARY_DIR}/generated/imprint DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT client FILES_MATCHING PATTERN "*.pb.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT client)

install(EXPORT imprint_targets NAMESPACE imprint:: FILE imprintTargets.cmake
  DESTINATION ${_package_dir} COMPONENT client)
configure_package_config_file(cmake/imprintConfig.cmake.in ${CMAKE_BINARY_DIR}/imprintConfig.cmake
  INSTALL_DESTINATION ${_package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/imprintConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/imprintConfig.cmake ${CMAKE_BINARY_DIR}/imprintConfigVersion.cmake
  DESTINATION ${_package_dir} COMPONENT client)
