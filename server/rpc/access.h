// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Which call needs which scope: the one table of it.

#ifndef IMPRINT_SERVER_RPC_ACCESS_H_
#define IMPRINT_SERVER_RPC_ACCESS_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/token_line.h"

namespace imprint::rpc {

// Which calls of a method are a line of the log: who did what to what, and what came of it.
enum class Audited {
  kNone,
  // Those that have another experience forgotten.
  kSuperseding,
  kAll,
};

struct Access {
  absl::string_view service;  // "imprint.v1.AdminService"
  absl::string_view method;
  Scope scope;
  Audited audited = Audited::kNone;
  // Suffices as well where the state of one experience is all that is asked for: of any, whoever
  // told it, and its labels, request_id and what it supersedes come along.
  std::optional<Scope> state_scope = std::nullopt;
  // Whether the operator says which scope it is (--auth.forget_scope); `scope` is the default.
  bool operator_chooses = false;
};

// All methods of both services.
absl::Span<const Access> AccessTable();

// Null: there is no such method, and nobody may call it.
const Access* FindAccess(absl::string_view service, absl::string_view method);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_ACCESS_H_
