// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Makes a data folder out of a backup, while no server uses it.

#ifndef IMPRINT_SERVER_BACKUP_RESTORE_H_
#define IMPRINT_SERVER_BACKUP_RESTORE_H_

#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/backup/backup_folder.h"

namespace imprint::backup {

// Where the store is while it is restored: a folder with it and without a store is half restored.
inline constexpr char kRestoring[] = "db.restoring";

// Writes backup `id` (0: the newest whole one) of `folder` into `data_dir`, which is made. Every
// file is checked on the way; the store comes last, so a restore that was cut short is told from
// one that is done, and can be begun again. FAILED_PRECONDITION: there is a store already;
// NOT_FOUND, DATA_LOSS as ChooseBackup and VerifyBackup.
absl::StatusOr<Backup> RestoreBackup(const std::filesystem::path& folder, int64_t id,
                                     const std::filesystem::path& data_dir);

// FAILED_PRECONDITION, with the way out, for a data folder that is half restored.
absl::Status CheckNotHalfRestored(const std::filesystem::path& data_dir);

}  // namespace imprint::backup

#endif  // IMPRINT_SERVER_BACKUP_RESTORE_H_
