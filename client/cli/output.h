// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the CLI prints: numbers and times for people, JSON for programs, a progress bar on a
// terminal only.

#ifndef IMPRINT_CLIENT_CLI_OUTPUT_H_
#define IMPRINT_CLIENT_CLI_OUTPUT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "nlohmann/json.hpp"

namespace imprint::client {

// A message as JSON: field names as in the proto, integers as numbers, enums without their
// type's prefix in lower case ("ready"), times in RFC 3339, durations in seconds.
// Fields that are unset stay out where the proto tells absent from default, and so do enums
// that are unspecified.
nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

// "ready" of EXPERIENCE_STATE_READY.
std::string EnumName(const google::protobuf::EnumDescriptor& type, int number);

// Columns of the terminal that standard output is; 0: it is none.
size_t OutputWidth();

// What a model or a user wrote, as it is in a pipe, and without what would command a terminal
// where standard output is one.
std::string ForTerminal(absl::string_view text);

// "0.83", or "-" when absent.
std::string FormatOptional(bool present, double value, int digits = 2);

// Local time to the second; "-" for zero.
std::string FormatTime(int64_t seconds);

// "12.3 MB": decimal units, from kB.
std::string FormatBytes(int64_t bytes);

// "1 experience", "2 experiences".
std::string FormatCount(int64_t count, absl::string_view noun);

// A bar on standard error that overwrites itself, in one line of the terminal; silent where
// that is none.
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
