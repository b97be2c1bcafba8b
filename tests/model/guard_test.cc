// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/guard.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "ATen/ATen.h"
#include "server/model/multiply.h"
#include "tests/testing/status_matchers.h"

namespace imprint::model {
namespace {

TEST(GuardTest, WhatSucceedsIsOk) {
  bool ran = false;
  IMPRINT_EXPECT_OK(Guarded("a step", [&ran] { ran = true; }));
  EXPECT_TRUE(ran);
}

TEST(GuardTest, AnErrorOfLibtorchIsItsFirstLine) {
  const absl::Status status = Guarded("a step", [] { TORCH_CHECK(false, "bad shape\nmore"); });
  EXPECT_EQ(status, absl::InternalError("a step: bad shape"));
}

TEST(GuardTest, MemoryThatRanOutIsToldApart) {
  EXPECT_EQ(Guarded("a step", [] { throw std::bad_alloc(); }),
            absl::ResourceExhaustedError("a step: out of memory"));
  EXPECT_EQ(Guarded("a step", [] { TORCH_CHECK(false, "you can't allocate memory: 7 bytes"); }),
            absl::ResourceExhaustedError("a step: you can't allocate memory: 7 bytes"));
  // What the CPU's allocator really says.
  const absl::Status real = Guarded("a step", [] {
    at::empty({int64_t{1} << 60}, at::TensorOptions().device(at::kCPU).dtype(at::kByte));
  });
  EXPECT_EQ(real.code(), absl::StatusCode::kResourceExhausted) << real;
}

// oneDNN's errors are neither c10::Error nor std::bad_alloc.
TEST(GuardTest, AnErrorOfAnotherLibraryEndsNothingElse) {
  EXPECT_EQ(Guarded("a step", [] { throw std::runtime_error("no primitive"); }),
            absl::InternalError("a step: no primitive"));
}

TEST(GuardTest, AProductOfTheWrongShapesIsAnError) {
  const auto options = at::TensorOptions().device(at::kCPU).dtype(at::kFloat);
  const absl::Status status =
      Guarded("a step", [&] { Multiply(at::zeros({2, 3}, options), at::zeros({5, 4}, options)); });
  EXPECT_EQ(status, absl::InternalError("a step: a product of [2, 3] with weights of [5, 4]"));
}

}  // namespace
}  // namespace imprint::model
