// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/recent_jobs.h"

#include <cstdint>
#include <vector>

#include "common/status_macros.h"

namespace imprint::store {
namespace {

constexpr int kJobsRead = 4096;
constexpr int kPage = 512;

}  // namespace

absl::Status VisitRecentJobs(const Store& store, absl::FunctionRef<bool(const JobRecord&)> visit) {
  int64_t before = 0;
  for (int read = 0; read < kJobsRead; read += kPage) {
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<JobRecord> page, store.ListJobs(before, kPage));
    for (const JobRecord& job : page) {
      if (!visit(job)) return absl::OkStatus();
    }
    if (page.size() < kPage) break;
    before = page.back().id();
  }
  return absl::OkStatus();
}

}  // namespace imprint::store
