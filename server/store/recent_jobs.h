// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Looking through jobs for those that are not over. They are among the newest: nothing new is
// planned while halves of a rejected batch wait, a batch of n comes to fewer than 2n jobs, and none
// starts while one awaits approval.

#ifndef IMPRINT_SERVER_STORE_RECENT_JOBS_H_
#define IMPRINT_SERVER_STORE_RECENT_JOBS_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/store/records.pb.h"
#include "server/store/store.h"

namespace imprint::store {

// Calls `visit` with the newest 4,096 jobs, the newest first, until it says false. Errors are the
// store's.
absl::Status VisitRecentJobs(const Store& store, absl::FunctionRef<bool(const JobRecord&)> visit);

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_RECENT_JOBS_H_
