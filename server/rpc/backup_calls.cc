// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/backup_calls.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/resource_name.h"
#include "common/status_macros.h"
#include "common/string_view.h"
#include "server/backup/backup_proto.h"
#include "server/rpc/errors.h"
#include "server/rpc/page_token.h"
#include "server/rpc/validate.h"

namespace imprint::rpc {
namespace {

absl::Status CheckThereAreBackups(const ServiceDeps& deps) {
  if (deps.backups != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the server was started without a folder for backups (--backup.dir)");
}

}  // namespace

absl::Status CreateBackup(const ServiceDeps& deps, const std::function<bool()>& cancelled,
                          v1::CreateBackupResponse* response) {
  IMPRINT_RETURN_IF_ERROR(CheckThereAreBackups(deps));
  const absl::StatusOr<backup::Backup> created = deps.backups->Create(cancelled);
  // What was forgotten meanwhile was not purged.
  deps.updater->Wake();
  IMPRINT_RETURN_IF_ERROR(created.status());
  *response->mutable_backup() = backup::ToProto(*created);
  return absl::OkStatus();
}

absl::Status ListBackups(const ServiceDeps& deps, const v1::ListBackupsRequest& request,
                         v1::ListBackupsResponse* response) {
  IMPRINT_ASSIGN_OR_RETURN(const Page page,
                           ParsePage("backups", request.page_size(), request.page_token()));
  IMPRINT_RETURN_IF_ERROR(CheckThereAreBackups(deps));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<backup::Backup> backups, deps.backups->List());
  PageRoom room(page.size);
  int64_t last = 0;
  for (auto it = backups.rbegin(); it != backups.rend(); ++it) {
    if (page.position.has_value() && it->id >= *page.position) continue;
    v1::Backup proto = backup::ToProto(*it);
    if (!room.Take(proto.ByteSizeLong())) {
      response->set_next_page_token(MakePageToken("backups", last));
      break;
    }
    *response->add_backups() = std::move(proto);
    last = it->id;
  }
  return absl::OkStatus();
}

absl::Status DeleteBackup(const ServiceDeps& deps, const v1::DeleteBackupRequest& request) {
  IMPRINT_ASSIGN_OR_RETURN(const int64_t id,
                           ParseNameField("name", ToAbsl(kBackups), request.name()));
  IMPRINT_RETURN_IF_ERROR(CheckThereAreBackups(deps));
  absl::Status deleted = deps.backups->Delete(id);
  if (!absl::IsNotFound(deleted)) return deleted;
  return WithReason(std::move(deleted), kReasonBackupNotFound,
                    {{"resource", FormatResourceName(kBackups, id)}});
}

}  // namespace imprint::rpc
