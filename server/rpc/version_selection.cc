// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/version_selection.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/rpc/errors.h"

namespace imprint::rpc {

absl::StatusOr<engine::SharedVersion> AcquireVersion(const version::VersionManager& versions,
                                                     int64_t number) {
  absl::StatusOr<engine::SharedVersion> version = versions.Acquire(number);
  if (version.ok()) return version;
  if (absl::IsNotFound(version.status())) {
    return WithReason(version.status(), kReasonVersionNotFound,
                      {{"version", absl::StrCat(number)}});
  }
  if (absl::IsFailedPrecondition(version.status())) {
    return WithReason(version.status(), kReasonVersionNotLive,
                      {{"version", absl::StrCat(number)},
                       {"live_versions", absl::StrJoin(versions.Live(), ",")}});
  }
  return version;
}

absl::StatusOr<engine::SharedVersion> SelectVersion(const version::VersionManager& versions,
                                                    const v1::VersionSelector& selector) {
  if (selector.base()) return versions.base();
  if (selector.has_number()) return AcquireVersion(versions, selector.number());
  return versions.current();
}

}  // namespace imprint::rpc
