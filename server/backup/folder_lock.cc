// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/backup/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace imprint::backup {
namespace {

constexpr char kWriter[] = "LOCK";
constexpr char kReaders[] = "READERS";
constexpr int kMake = O_RDWR | O_CREAT;

}  // namespace

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Take(const std::filesystem::path& path,
                                                             int flags, int operation) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path.string()));
  auto lock = absl::WrapUnique(new FolderLock(fd));
  int locked = 0;
  do {
    locked = ::flock(fd, operation);
  } while (locked != 0 && errno == EINTR);
  if (locked == 0) return lock;
  const int error = errno;
  const std::string text = absl::StrCat("lock ", path.string());
  return error == EWOULDBLOCK ? absl::UnavailableError(text) : absl::ErrnoToStatus(error, text);
}

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::ToWrite(
    const std::filesystem::path& folder) {
  auto lock = Take(folder / kWriter, kMake, LOCK_EX | LOCK_NB);
  if (absl::IsUnavailable(lock.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("another server writes its backups into ", folder.string(),
                     " (its file LOCK is held); give each server a folder of its own"));
  }
  // By the server's user: a reader may be root, and what root makes the server could not open.
  if (lock.ok()) IMPRINT_RETURN_IF_ERROR(Take(folder / kReaders, kMake, LOCK_SH).status());
  return lock;
}

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::ToRead(
    const std::filesystem::path& folder) {
  auto lock = Take(folder / kReaders, O_RDONLY, LOCK_SH);
  if (absl::IsNotFound(lock.status())) return std::unique_ptr<FolderLock>();
  return lock;
}

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::ToDelete(
    const std::filesystem::path& folder) {
  auto lock = Take(folder / kReaders, kMake, LOCK_EX | LOCK_NB);
  if (absl::IsUnavailable(lock.status())) {
    return absl::AbortedError(
        absl::StrCat("somebody reads the backups in ", folder.string(), "; try again later"));
  }
  return lock;
}

FolderLock::~FolderLock() { ::close(fd_); }

}  // namespace imprint::backup
