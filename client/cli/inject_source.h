// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Where `imprint inject` takes experiences from.

#ifndef IMPRINT_CLIENT_CLI_INJECT_SOURCE_H_
#define IMPRINT_CLIENT_CLI_INJECT_SOURCE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "imprint/v1/imprint_service.pb.h"

namespace imprint::client {

// One experience of a .jsonl file. INVALID_ARGUMENT says what is wrong with it.
absl::StatusOr<v1::InjectContextRequest> ParseItem(absl::string_view json);

// Requests from words of the command line and --text: "-" is standard input as one
// experience, a folder all .txt, .md and .jsonl files in it in order of their names, a .jsonl
// file one experience a line, another file one experience, and a word that names no file is a
// text itself. Errors name the file and the line. What cannot be read within a folder is said
// on standard error and skipped; a folder of which nothing can be read is an error.
absl::StatusOr<std::vector<v1::InjectContextRequest>> ReadSources(
    const std::vector<std::string>& sources, const std::string& text);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_INJECT_SOURCE_H_
