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

// An experience to be, and where it came from, for errors: "notes/a.md", "facts.jsonl:3",
// "standard input"; empty for a text of the command line.
struct SourceItem {
  std::string origin;
  v1::InjectContextRequest request;
};

// One experience of a .jsonl file. INVALID_ARGUMENT says what is wrong with it.
absl::StatusOr<v1::InjectContextRequest> ParseItem(absl::string_view json);

// What is to be sent, from words of the command line and --text: "-" is standard input as one
// experience, a folder all .txt, .md and .jsonl files in it in order of their names, a .jsonl
// file one experience a line, another file one experience, and a word that names no file is a
// text itself. Errors name the file and the line, those of what no server would take among
// them (an empty text, one that is not UTF-8): they come before anything is sent. What cannot be
// read within a folder, or is empty there, is said on standard error and skipped; a folder of
// which nothing can be read is an error.
absl::StatusOr<std::vector<SourceItem>> ReadSources(const std::vector<std::string>& sources,
                                                    const std::string& text);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_INJECT_SOURCE_H_
