// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The line of the log for one act that changes what others told or run: who, what, on what, with
// what result. Of a request only names of things: never a question, a text or a label's value.

#ifndef IMPRINT_SERVER_RPC_AUDIT_H_
#define IMPRINT_SERVER_RPC_AUDIT_H_

#include <string>

#include "google/protobuf/message.h"

namespace imprint::rpc {

// What a request is about: "versions/3", "request_id=a", "labels=user,topic", "labels=(50000
// keys)"; empty: the server. Some hundred bytes at most.
std::string TargetOf(const google::protobuf::Message& request);

// Whether it has another experience forgotten by superseding it.
bool Supersedes(const google::protobuf::Message& request);

// Writes the line; `caller` as Guard::CallerOf gives it.
void Audit(const std::string& caller, const std::string& peer, const std::string& method,
           const std::string& target, const std::string& code, const std::string& request_id);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_AUDIT_H_
