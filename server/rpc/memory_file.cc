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

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace imprint::rpc {
namespace {

absl::Status Unavailable(const char* what) {
  return absl::UnavailableError(absl::StrCat("a file in memory: ", what, ": ", strerror(errno)));
}

std::string PathOf(int fd) { return absl::StrCat("/proc/self/fd/", fd); }

}  // namespace

MemoryFile::~MemoryFile() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status MemoryFile::Write(std::string_view contents) {
  int next = ::memfd_create("imprint", MFD_CLOEXEC);
  if (next < 0) return Unavailable("create");
  const absl::Cleanup close = [&next] {
    if (next >= 0) ::close(next);
  };
  for (std::string_view rest = contents; !rest.empty();) {
    const ssize_t written = ::write(next, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Unavailable("write");
    rest.remove_prefix(static_cast<size_t>(written));
  }
  modified_seconds_ = std::max<int64_t>(modified_seconds_ + 1, std::time(nullptr));
  const timespec modified = {.tv_sec = static_cast<time_t>(modified_seconds_), .tv_nsec = 0};
  const timespec times[] = {modified, modified};
  if (::futimens(next, times) != 0) return Unavailable("set its time");
  if (::access(PathOf(next).c_str(), R_OK) != 0) return Unavailable(PathOf(next).c_str());
  if (fd_ < 0) {
    fd_ = std::exchange(next, -1);
    return absl::OkStatus();
  }
  // At one stroke: the name goes from one file to the other.
  return ::dup3(next, fd_, O_CLOEXEC) < 0 ? Unavailable("replace") : absl::OkStatus();
}

std::string MemoryFile::path() const { return fd_ < 0 ? "" : PathOf(fd_); }

}  // namespace imprint::rpc
