// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A backup as the API shows it: in the server's answers, and in the CLI's, which reads a folder of
// backups without a server.

#ifndef IMPRINT_SERVER_BACKUP_BACKUP_PROTO_H_
#define IMPRINT_SERVER_BACKUP_BACKUP_PROTO_H_

#include "imprint/v1/admin_service.pb.h"
#include "server/backup/backup_folder.h"

namespace imprint::backup {

// Of a damaged one its name and the damage alone.
v1::Backup ToProto(const Backup& backup);

}  // namespace imprint::backup

#endif  // IMPRINT_SERVER_BACKUP_BACKUP_PROTO_H_
