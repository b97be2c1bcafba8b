// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/backup/backup_proto.h"

#include <string>

#include "absl/time/time.h"
#include "common/resource_name.h"

namespace imprint::backup {

v1::Backup ToProto(const Backup& backup) {
  v1::Backup proto;
  proto.set_name(FormatResourceName(kBackups, backup.id));
  if (!backup.damage.ok()) {
    proto.set_damage(std::string(backup.damage.message()));
    return proto;
  }
  // RocksDB keeps whole seconds.
  proto.mutable_create_time()->set_seconds(absl::ToUnixSeconds(backup.create_time));
  proto.set_version(backup.note.current_version);
  proto.set_last_sequence(backup.note.last_sequence);
  proto.set_size_bytes(backup.size_bytes);
  return proto;
}

}  // namespace imprint::backup
