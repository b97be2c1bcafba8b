// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the CLI prints: tables and lines for people, JSON for programs, a progress bar on a
// terminal only.

#ifndef IMPRINT_CLIENT_CLI_OUTPUT_H_
#define IMPRINT_CLIENT_CLI_OUTPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "nlohmann/json.hpp"

namespace imprint::client {

// A message as JSON: field names as in the proto, integers as numbers, enums without their
// type's prefix in lower case ("ready"), times in RFC 3339, durations in seconds.
// Fields that are unset stay out where the proto tells absent from default.
nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

// "ready" of EXPERIENCE_STATE_READY.
std::string EnumName(const google::protobuf::EnumDescriptor& type, int number);

// Aligns columns by their widest cell. The first row is the header.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

// One line of at most `width` columns; the middle of a longer one is cut out at its end.
std::string Shorten(absl::string_view text, size_t width);

// "0.83", or "-" when absent.
std::string FormatOptional(bool present, double value, int digits = 2);

// Local time to the second; "-" for zero.
std::string FormatTime(int64_t seconds);

// A bar on standard error that overwrites itself; silent where that is no terminal.
class ProgressBar {
 public:
  explicit ProgressBar(bool enabled);
  ~ProgressBar();

  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `fraction` in [0, 1].
  void Show(double fraction, absl::string_view text);
  void Clear();

 private:
  const bool enabled_;
  bool shown_ = false;
};

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_OUTPUT_H_
