// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The page that `imprint report` writes: one file of HTML, with its plots, that needs nothing
// else and fetches nothing.

#ifndef IMPRINT_CLIENT_CLI_REPORT_PAGE_H_
#define IMPRINT_CLIENT_CLI_REPORT_PAGE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/version_diff.h"
#include "imprint/v1/admin_service.pb.h"

namespace imprint::client {

struct ReportData {
  absl::Time time;
  std::string server;
  v1::GetStatusResponse status;
  std::vector<v1::Version> versions;  // newest first
  std::vector<v1::Job> jobs;          // newest first
  // Probes asked of the base and of the current version.
  std::vector<ProbeChange> answers;
};

std::string MakeReportPage(const ReportData& data);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_REPORT_PAGE_H_
