// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/backup/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace imprint::backup {
namespace {

constexpr char kWriter[] = "LOCK";
constexpr char kReaders[] = "READERS";

}  // namespace

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Open(const std::filesystem::path& path,
                                                             int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path.string()));
  return absl::WrapUnique(new FolderLock(fd));
}

absl::Status FolderLock::Lock(int operation, const std::filesystem::path& path) const {
  int locked = 0;
  do {
    locked = ::flock(fd_, operation);
  } while (locked != 0 && errno == EINTR);
  if (locked == 0) return absl::OkStatus();
  const std::string text = absl::StrCat("lock ", path.string());
  return errno == EWOULDBLOCK ? absl::UnavailableError(text) : absl::ErrnoToStatus(errno, text);
}

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::ToWrite(
    const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kWriter;
  IMPRINT_ASSIGN_OR_RETURN(std::unique_ptr<FolderLock> lock, Open(path, O_RDWR | O_CREAT));
  const absl::Status locked = lock->Lock(LOCK_EX | LOCK_NB, path);
  if (absl::IsUnavailable(locked)) {
    return absl::FailedPreconditionError(
        absl::StrCat("another server writes its backups into ", folder.string(),
                     " (its file LOCK is held); give each server a folder of its own"));
  }
  IMPRINT_RETURN_IF_ERROR(locked);
  // By the server's user: a reader may be root, and what root makes the server could not open.
  IMPRINT_RETURN_IF_ERROR(Open(folder / kReaders, O_RDWR | O_CREAT).status());
  return lock;
}

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::ToRead(
    const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kReaders;
  absl::StatusOr<std::unique_ptr<FolderLock>> lock = Open(path, O_RDONLY);
  if (absl::IsNotFound(lock.status())) return std::unique_ptr<FolderLock>();
  IMPRINT_RETURN_IF_ERROR(lock.status());
  IMPRINT_RETURN_IF_ERROR((*lock)->Lock(LOCK_SH, path));
  return lock;
}

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::ToDelete(
    const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kReaders;
  IMPRINT_ASSIGN_OR_RETURN(std::unique_ptr<FolderLock> lock, Open(path, O_RDWR | O_CREAT));
  const absl::Status locked = lock->Lock(LOCK_EX | LOCK_NB, path);
  if (absl::IsUnavailable(locked)) {
    return absl::AbortedError(
        absl::StrCat("somebody reads the backups in ", folder.string(), "; try again later"));
  }
  IMPRINT_RETURN_IF_ERROR(locked);
  return lock;
}

FolderLock::~FolderLock() { ::close(fd_); }

}  // namespace imprint::backup
