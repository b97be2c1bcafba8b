// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// google.rpc details out of a grpc::Status.

#ifndef IMPRINT_TESTS_RPC_DETAILS_H_
#define IMPRINT_TESTS_RPC_DETAILS_H_

#include <optional>
#include <string>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

namespace imprint::rpc {

// The detail of one kind; nullopt: the status carries none.
template <typename Detail>
std::optional<Detail> DetailOf(const grpc::Status& status) {
  google::rpc::Status rich;
  if (!rich.ParseFromString(status.error_details())) return std::nullopt;
  for (const google::protobuf::Any& any : rich.details()) {
    Detail detail;
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

// ErrorInfo's reason; empty: none.
inline std::string ReasonOf(const grpc::Status& status) {
  return DetailOf<google::rpc::ErrorInfo>(status).value_or(google::rpc::ErrorInfo()).reason();
}

// The fields of BadRequest, in order.
inline std::vector<std::string> BadFields(const grpc::Status& status) {
  std::vector<std::string> fields;
  const auto bad = DetailOf<google::rpc::BadRequest>(status);
  if (!bad.has_value()) return fields;
  for (const auto& violation : bad->field_violations()) fields.push_back(violation.field());
  return fields;
}

}  // namespace imprint::rpc

#endif  // IMPRINT_TESTS_RPC_DETAILS_H_
