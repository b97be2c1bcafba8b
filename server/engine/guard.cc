// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/guard.h"

#include <new>
#include <string>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace imprint::engine {
namespace {

// libtorch's allocator of host memory has no exception type of its own.
bool IsOutOfMemory(const c10::Error& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  const absl::string_view what = error.what_without_backtrace();
  return absl::StrContains(what, "can't allocate memory") ||
         absl::StrContains(what, "not enough memory");
}

std::string FirstLine(const c10::Error& error) {
  const std::string what = error.what_without_backtrace();
  return what.substr(0, what.find('\n'));
}

}  // namespace

absl::Status Guarded(absl::FunctionRef<void()> compute) {
  try {
    compute();
    return absl::OkStatus();
  } catch (const c10::Error& error) {
    if (IsOutOfMemory(error)) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "out of memory in a step of the engine (--serve.kv_tokens, --serve.max_running bound ",
          "it): ", FirstLine(error)));
    }
    return absl::InternalError(absl::StrCat("a step of the engine failed: ", FirstLine(error)));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        "out of memory in a step of the engine (--serve.kv_tokens, --serve.max_running bound it)");
  }
}

}  // namespace imprint::engine
