// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Who calls, and whether they may.

#ifndef IMPRINT_SERVER_RPC_GUARD_H_
#define IMPRINT_SERVER_RPC_GUARD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "server/auth/tokens.h"
#include "server/metrics/metrics.h"
#include "server/rpc/access.h"

namespace imprint::rpc {

struct GuardOptions {
  // Null: everybody may do everything.
  const auth::Tokens* tokens = nullptr;
  // Of what the operator chooses the scope of (--auth.forget_scope).
  Scope forget_scope = Scope::kAdmin;
  metrics::AuthMetrics* metrics = nullptr;  // may be null
};

// What a call is, beside its method.
struct CallTraits {
  // Of what is injected; 0: nothing is.
  int64_t inject_bytes = 0;
  // Whether the state of one experience is all that is asked for.
  bool state_alone = false;
};

// Thread-safe; may be copied. The token is the word after "Bearer" in the metadata `authorization`.
class Guard {
 public:
  explicit Guard(GuardOptions options = {}) : options_(options) {}

  // OK, and the call is counted against the token's quotas. UNAUTHENTICATED without a token or
  // with an unknown one, PERMISSION_DENIED where it lacks the scope, RESOURCE_EXHAUSTED where its
  // quota is used up, INVALID_ARGUMENT where the whole of it would not do, which costs no request.
  // `access` is null for a method that the table does not have: nobody may.
  absl::Status Check(const grpc::ServerContextBase& context, const Access* access,
                     const CallTraits& traits) const;

  // For the log: the token's name, else the subject of the caller's certificate, else "anonymous".
  std::string CallerOf(const grpc::ServerContextBase& context) const;

 private:
  absl::Status CheckScope(const auth::Token& token, const Access& access,
                          const CallTraits& traits) const;
  absl::Status TakeQuotas(const auth::Token& token, const CallTraits& traits) const;
  void Count(const char* reason) const;
  void CountQuota(absl::string_view method, const absl::Status& refused) const;

  GuardOptions options_;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_GUARD_H_
