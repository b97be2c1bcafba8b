// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/log_fields.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "spdlog/spdlog.h"

namespace imprint {
namespace {

thread_local const LineWithFields* current_line = nullptr;

// So that no value poses as a field beside it.
std::string InText(const std::string& value) {
  const bool is_word = std::none_of(value.begin(), value.end(), [](unsigned char c) {
    return absl::ascii_iscntrl(c) || c == ' ' || c == '=' || c == '"';
  });
  return is_word ? value : absl::StrCat("\"", absl::Utf8SafeCEscape(value), "\"");
}

}  // namespace

void LogWithFields(spdlog::level::level_enum level, std::string_view message,
                   const LogFields& fields) {
  if (!spdlog::should_log(level)) return;
  std::string text(message);
  for (const auto& [key, value] : fields) {
    absl::StrAppend(&text, " ", key, "=");
    if (const double* number = std::get_if<double>(&value)) {
      absl::StrAppendFormat(&text, "%.6f", *number);
    } else {
      absl::StrAppend(&text, InText(std::get<std::string>(value)));
    }
  }
  // The logger formats on the thread that logs.
  const LineWithFields line{message, fields};
  current_line = &line;
  spdlog::log(level, "{}", text);
  current_line = nullptr;
}

const LineWithFields* CurrentLine() { return current_line; }

}  // namespace imprint
