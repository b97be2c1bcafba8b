// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The admin calls that deal with backups. On a pool's thread.

#ifndef IMPRINT_SERVER_RPC_BACKUP_CALLS_H_
#define IMPRINT_SERVER_RPC_BACKUP_CALLS_H_

#include <functional>

#include "absl/status/status.h"
#include "imprint/v1/admin_service.pb.h"
#include "server/rpc/service_deps.h"

namespace imprint::rpc {

// `cancelled` is asked between files, and every few MiB of the store.
absl::Status CreateBackup(const ServiceDeps& deps, const std::function<bool()>& cancelled,
                          v1::CreateBackupResponse* response);
absl::Status ListBackups(const ServiceDeps& deps, const v1::ListBackupsRequest& request,
                         v1::ListBackupsResponse* response);
absl::Status DeleteBackup(const ServiceDeps& deps, const v1::DeleteBackupRequest& request);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_BACKUP_CALLS_H_
