// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/guard.h"

#include <exception>
#include <new>
#include <string>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace imprint::model {
namespace {

// libtorch's allocator of host memory has no exception type of its own.
bool IsOutOfMemory(const c10::Error& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  const absl::string_view message = error.what_without_backtrace();
  return absl::StrContains(message, "can't allocate memory") ||
         absl::StrContains(message, "not enough memory");
}

std::string FirstLine(absl::string_view what, absl::string_view message) {
  return absl::StrCat(what, ": ", message.substr(0, message.find('\n')));
}

}  // namespace

absl::Status Guarded(absl::string_view what, absl::FunctionRef<void()> compute) {
  try {
    compute();
    return absl::OkStatus();
  } catch (const c10::Error& error) {
    const std::string message = FirstLine(what, error.what_without_backtrace());
    return IsOutOfMemory(error) ? absl::ResourceExhaustedError(message)
                                : absl::InternalError(message);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(FirstLine(what, "out of memory"));
  } catch (const std::exception& error) {  // oneDNN has a type of its own
    return absl::InternalError(FirstLine(what, error.what()));
  }
}

}  // namespace imprint::model
