// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/access.h"

namespace imprint::rpc {
namespace {

constexpr absl::string_view kImprint = "imprint.v1.ImprintService";
constexpr absl::string_view kAdmin = "imprint.v1.AdminService";
constexpr Audited kNotAudited = Audited::kNone;
constexpr Audited kAudited = Audited::kAll;
constexpr bool kOperatorChooses = true;

constexpr Access kTable[] = {
    {kImprint, "InjectContext", Scope::kInject, Audited::kSuperseding},
    {kImprint, "Query", Scope::kQuery},
    {kImprint, "Score", Scope::kQuery},
    // Who injects waits for it to be learned.
    {kImprint, "GetExperience", Scope::kQuery, kNotAudited, Scope::kInject},
    {kImprint, "ListExperiences", Scope::kQuery},
    {kImprint, "ForgetExperience", Scope::kAdmin, kAudited, std::nullopt, kOperatorChooses},

    {kAdmin, "GetStatus", Scope::kAdmin},
    {kAdmin, "ListJobs", Scope::kAdmin},
    {kAdmin, "GetJob", Scope::kAdmin},
    {kAdmin, "CancelJob", Scope::kAdmin, kAudited},
    {kAdmin, "ApproveJob", Scope::kAdmin, kAudited},
    {kAdmin, "DropJob", Scope::kAdmin, kAudited},
    {kAdmin, "PauseUpdates", Scope::kAdmin, kAudited},
    {kAdmin, "ResumeUpdates", Scope::kAdmin, kAudited},
    {kAdmin, "RunUpdate", Scope::kAdmin, kAudited},
    {kAdmin, "RebuildVersion", Scope::kAdmin, kAudited},
    {kAdmin, "ListVersions", Scope::kAdmin},
    {kAdmin, "GetVersion", Scope::kAdmin},
    // Nothing changes, but the weights leave the machine.
    {kAdmin, "ExportVersion", Scope::kAdmin, kAudited},
    {kAdmin, "RollbackVersion", Scope::kAdmin, kAudited},
    {kAdmin, "CreateProbe", Scope::kAdmin, kAudited},
    {kAdmin, "ListProbes", Scope::kAdmin},
    {kAdmin, "DeleteProbe", Scope::kAdmin, kAudited},
    {kAdmin, "RunProbes", Scope::kAdmin},
    {kAdmin, "ReleaseExperience", Scope::kAdmin, kAudited},
    {kAdmin, "CreateBackup", Scope::kAdmin, kAudited},
    {kAdmin, "ListBackups", Scope::kAdmin},
    {kAdmin, "DeleteBackup", Scope::kAdmin, kAudited},
    {kAdmin, "StreamEvents", Scope::kAdmin},
};

}  // namespace

absl::Span<const Access> AccessTable() { return kTable; }

const Access* FindAccess(absl::string_view service, absl::string_view method) {
  for (const Access& access : kTable) {
    if (access.service == service && access.method == method) return &access;
  }
  return nullptr;
}

}  // namespace imprint::rpc
