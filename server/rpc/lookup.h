// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Rows by number, with errors that say which resource is missing.

#ifndef IMPRINT_SERVER_RPC_LOOKUP_H_
#define IMPRINT_SERVER_RPC_LOOKUP_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/resource_name.h"
#include "common/string_view.h"
#include "server/rpc/errors.h"

namespace imprint::rpc {

// `row` as it is, or NOT_FOUND naming "<collection>/<id>" with `reason`.
template <typename Row>
absl::StatusOr<Row> Found(absl::StatusOr<Row> row, absl::string_view collection, int64_t id,
                          absl::string_view reason) {
  if (row.ok() || !absl::IsNotFound(row.status())) return row;
  const std::string name = FormatResourceName(ToStd(collection), id);
  return WithReason(absl::NotFoundError(absl::StrCat("there is no ", name)), reason,
                    {{"resource", name}});
}

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_LOOKUP_H_
