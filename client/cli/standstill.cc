// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/standstill.h"

#include "absl/strings/str_cat.h"

namespace imprint::client {

std::string Standstill::Observe(absl::Time now, const v1::GetStatusResponse& status, bool moved) {
  const bool standing = status.running_job().empty() && !status.updates_stopped_reason().empty();
  if (moved || !status.running_job().empty()) stood_ = absl::ZeroDuration();
  if (standing && last_ < now && !moved) stood_ += now - last_;
  last_ = standing ? now : absl::InfiniteFuture();
  if (!status.running_job().empty()) return "";
  if (status.updates_paused()) return "updates are paused (imprint updates resume)";
  if (!status.job_awaiting_approval().empty()) {
    return absl::StrCat(status.job_awaiting_approval(),
                        " awaits approval (imprint updates approve ",
                        status.job_awaiting_approval(), ")");
  }
  if (!standing || stood_ < patience_) return "";
  return absl::StrCat("updates stand still: ", status.updates_stopped_reason());
}

}  // namespace imprint::client
