// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"

namespace imprint::rpc {
namespace {

std::string Failed(const char* what) {
  return absl::StrCat("a file in memory: ", what, ": ", strerror(errno));
}

std::string PathOf(int fd) { return absl::StrCat("/proc/self/fd/", fd); }

}  // namespace

MemoryFile::~MemoryFile() {
  if (fd_ >= 0) ::close(fd_);
}

MemoryFile::Draft::~Draft() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<MemoryFile::Draft> MemoryFile::Draft::Of(std::string_view contents) {
  Draft draft(::memfd_create("imprint", MFD_CLOEXEC));
  if (draft.fd_ < 0) return absl::UnavailableError(Failed("create"));
  while (!contents.empty()) {
    const ssize_t written = ::write(draft.fd_, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::UnavailableError(Failed("write"));
    contents.remove_prefix(static_cast<size_t>(written));
  }
  if (::access(PathOf(draft.fd_).c_str(), R_OK) != 0) {
    return absl::UnavailableError(Failed("read it by its name in /proc"));
  }
  return draft;
}

absl::Status MemoryFile::Become(Draft draft) {
  modified_seconds_ = std::max<int64_t>(modified_seconds_ + 1, std::time(nullptr));
  const timespec modified = {.tv_sec = static_cast<time_t>(modified_seconds_), .tv_nsec = 0};
  const timespec times[] = {modified, modified};
  if (::futimens(draft.fd_, times) != 0) return absl::InternalError(Failed("set its time"));
  if (fd_ < 0) {
    fd_ = std::exchange(draft.fd_, -1);
    return absl::OkStatus();
  }
  // At one stroke: the name goes from one file to the other.
  if (::dup3(draft.fd_, fd_, O_CLOEXEC) < 0) return absl::InternalError(Failed("replace"));
  return absl::OkStatus();
}

std::string MemoryFile::path() const { return fd_ < 0 ? "" : PathOf(fd_); }

}  // namespace imprint::rpc
