// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The device that tests of tensors run on: IMPRINT_TEST_DEVICE, "cpu" where it is not set.

#ifndef IMPRINT_TESTS_TESTING_TEST_DEVICE_H_
#define IMPRINT_TESTS_TESTING_TEST_DEVICE_H_

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "server/model/device.h"

namespace imprint::testing {

inline std::string TestDevice() {
  const char* device = std::getenv("IMPRINT_TEST_DEVICE");
  return device == nullptr || *device == '\0' ? "cpu" : device;
}

// As the server would place a model there; `dtype` is "f32" or "bf16".
inline model::Placement TestPlacement(std::string_view dtype) {
  absl::StatusOr<model::Placement> placement = model::MakePlacement(TestDevice(), dtype);
  if (!placement.ok()) throw std::runtime_error(placement.status().ToString());
  return *placement;
}

}  // namespace imprint::testing

#endif  // IMPRINT_TESTS_TESTING_TEST_DEVICE_H_
