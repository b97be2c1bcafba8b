// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Log lines with fields: keys of their own where the log is JSON, " key=value" behind the
// message where it is text, the value quoted where it is no plain word. Never what a request or an
// experience says.

#ifndef IMPRINT_COMMON_LOG_FIELDS_H_
#define IMPRINT_COMMON_LOG_FIELDS_H_

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "spdlog/common.h"

namespace imprint {

using LogFields = std::vector<std::pair<std::string, std::variant<std::string, double>>>;

// Writes one line; nothing where `level` is not logged.
void LogWithFields(spdlog::level::level_enum level, std::string_view message,
                   const LogFields& fields);

// The line that this thread is writing by LogWithFields, for a formatter; null outside of it.
struct LineWithFields {
  std::string_view message;
  const LogFields& fields;
};
const LineWithFields* CurrentLine();

}  // namespace imprint

#endif  // IMPRINT_COMMON_LOG_FIELDS_H_
