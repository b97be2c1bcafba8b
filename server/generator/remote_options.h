// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Which endpoint of another model writes questions and answers, and how it may be asked.

#ifndef IMPRINT_SERVER_GENERATOR_REMOTE_OPTIONS_H_
#define IMPRINT_SERVER_GENERATOR_REMOTE_OPTIONS_H_

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace imprint::generator {

struct RemoteOptions {
  // "https://HOST/v1": what comes before /chat/completions. Empty: there is none, and no text of
  // an experience leaves the machine (--generator.endpoint).
  std::string endpoint = {};
  // As the endpoint names it (--generator.endpoint_model).
  std::string model = {};
  // Holds the key and nothing else; empty: none is sent (--generator.endpoint_key_file).
  std::filesystem::path key_file = {};
  // PEM file of the authorities that are trusted; empty: the system's (--generator.endpoint_ca).
  std::filesystem::path ca_file = {};
  // Of one request (--generator.endpoint_timeout).
  absl::Duration timeout = absl::Minutes(2);
  // Whether http:// may go to another machine (--generator.endpoint_insecure).
  bool insecure = false;
  // Pauses between the attempts of one request: twice as long each time, and as long as the
  // endpoint asks, but never longer than the last.
  absl::Duration first_pause = absl::Milliseconds(500);
  absl::Duration max_pause = absl::Seconds(30);
};

// INVALID_ARGUMENT naming the flag that is wrong or missing; reads no file.
absl::Status CheckRemoteOptions(const RemoteOptions& options);

// The key in the file, without white space around it; empty where no file is named. Errors
// name the file: FAILED_PRECONDITION where everybody may read it, INVALID_ARGUMENT where it holds
// no single word.
absl::StatusOr<std::string> ReadKey(const RemoteOptions& options);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_REMOTE_OPTIONS_H_
