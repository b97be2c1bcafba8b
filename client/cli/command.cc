// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/command.h"

#include <cstdio>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/output.h"
#include "client/cli/text_width.h"

namespace imprint::client {

int Command::Fail(const grpc::Status& status) const {
  const bool unanswered = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                          status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  const ExitCode code = unanswered ? kUnavailable : kRefused;
  return Fail(code, DescribeError(status, options.server));
}

int Command::Fail(ExitCode code, absl::string_view message) {
  // A server quotes what others wrote.
  std::fprintf(stderr, "imprint: %s\n", Printable(message).c_str());
  return code;
}

void Command::PrintJson(const google::protobuf::Message& message) {
  std::cout << ToJson(message).dump() << "\n" << std::flush;
}

std::string ResourceName(absl::string_view kind, const std::string& word) {
  int64_t number = 0;
  return absl::SimpleAtoi(word, &number) ? absl::StrCat(kind, "/", number) : word;
}

std::string VersionName(const std::string& word) {
  return word == "base" ? "versions/0" : ResourceName("versions", word);
}

CLI::Validator NotNegative() {
  return CLI::Validator(
      [](std::string& word) {
        return word.empty() || word.front() != '-' ? std::string() : word + " is below 0";
      },
      "");
}

absl::StatusOr<v1::VersionSelector> ParseVersion(const std::string& word) {
  v1::VersionSelector selector;
  int64_t number = 0;
  if (word == "latest") {
    selector.set_latest(true);
  } else if (word == "base") {
    selector.set_base(true);
  } else if (absl::SimpleAtoi(word, &number) && number >= 0) {
    selector.set_number(number);
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("--version is \"", word, "\"; it takes base, latest or a number"));
  }
  return selector;
}

absl::Status ParseLabels(const std::vector<std::string>& words,
                         google::protobuf::Map<std::string, std::string>& labels) {
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--label is \"", word, "\"; it takes key=value"));
    }
    labels[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return absl::OkStatus();
}

}  // namespace imprint::client
