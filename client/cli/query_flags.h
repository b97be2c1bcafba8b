// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How `imprint query` and `imprint chat` ask.

#ifndef IMPRINT_CLIENT_CLI_QUERY_FLAGS_H_
#define IMPRINT_CLIENT_CLI_QUERY_FLAGS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "imprint/v1/imprint_service.pb.h"

namespace imprint::client {

struct QueryFlags {
  std::string version = "latest";
  std::string system;
  int32_t max_tokens = 0;
  float temperature = 0;
  float top_p = 0;
  int32_t top_k = 0;
  std::vector<std::string> stop;
  std::optional<uint64_t> seed;
  bool pending_context = false;
  std::vector<std::string> pending_labels;
};

void AddQueryFlags(CLI::App& verb, QueryFlags& flags);

// The request but for its messages, the system message excepted.
absl::StatusOr<v1::QueryRequest> MakeQuery(const QueryFlags& flags);

// Streams the answer; `on_response` is told of each piece.
grpc::Status StreamQuery(const Command& command, const v1::QueryRequest& request,
                         const std::function<void(const v1::QueryResponse&)>& on_response);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_QUERY_FLAGS_H_
