// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/file_util.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/failpoint.h"
#include "common/status_macros.h"

namespace imprint {
namespace {

absl::Status ErrnoStatus(const char* action, const std::filesystem::path& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(action, " ", path.string()));
}

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  // close() may report an error of writing that nothing else did.
  bool Close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

absl::Status WriteAll(int fd, std::string_view contents, const std::filesystem::path& path) {
  while (!contents.empty()) {
    const ssize_t count = ::write(fd, contents.data(), contents.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus("write", path);
    }
    contents.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

// Reads until the end of the file, or until `contents` has more than `enough` bytes.
absl::Status ReadInto(int fd, const std::filesystem::path& path, size_t enough,
                      std::string& contents) {
  char chunk[1 << 16];
  while (contents.size() <= enough) {
    const ssize_t count = ::read(fd, chunk, sizeof(chunk));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus("read", path);
    if (count == 0) break;
    contents.append(chunk, static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

// Closes `file`, which is at `path`.
absl::Status WriteAndSync(Descriptor file, const std::filesystem::path& path,
                          std::string_view contents) {
  IMPRINT_RETURN_IF_ERROR(WriteAll(file.get(), contents, path));
  IMPRINT_FAILPOINT_OR_RETURN("file.fsync.before");
  if (::fsync(file.get()) != 0) return ErrnoStatus("sync", path);
  IMPRINT_FAILPOINT_OR_RETURN("file.fsync.after");
  if (!file.Close()) return ErrnoStatus("close", path);
  return absl::OkStatus();
}

absl::Status Sync(const std::filesystem::path& path, int flags) {
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (descriptor.get() < 0) return ErrnoStatus("open", path);
  if (::fsync(descriptor.get()) != 0) return ErrnoStatus("sync", path);
  return absl::OkStatus();
}

absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  IMPRINT_FAILPOINT_OR_RETURN("file.rename.before");
  if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus("rename to", to);
  IMPRINT_FAILPOINT_OR_RETURN("file.rename.after");
  return absl::OkStatus();
}

// The folder in which `path` is an entry.
std::filesystem::path ParentOf(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  return parent.empty() ? std::filesystem::path(".") : parent;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return ErrnoStatus("open", path);
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus("stat", path);
  std::string contents;
  contents.reserve(static_cast<size_t>(info.st_size));
  IMPRINT_RETURN_IF_ERROR(ReadInto(file.get(), path, std::string().max_size(), contents));
  return contents;
}

absl::Status WriteFileAtomically(const std::filesystem::path& path, std::string_view contents,
                                 mode_t mode) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (file.get() < 0) return ErrnoStatus("create", temporary);
  absl::Status status = WriteAndSync(std::move(file), temporary, contents);
  if (status.ok()) status = Rename(temporary, path);
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  return SyncDirectory(ParentOf(path));
}

absl::StatusOr<std::string> ReadSecret(const std::filesystem::path& path) {
  // Without O_NONBLOCK a pipe would be waited for.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return ErrnoStatus("open", path);
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus("stat", path);
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path.string(), " is no regular file"));
  }
  if ((info.st_mode & S_IRWXO) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path.string(), " is open to every user of this machine; chmod o= it"));
  }
  if ((info.st_mode & S_IWGRP) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path.string(), " may be written by its group; chmod g-w it"));
  }
  std::string contents;
  IMPRINT_RETURN_IF_ERROR(ReadInto(file.get(), path, kMaxSecretBytes, contents));
  if (contents.size() > kMaxSecretBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(path.string(), " has more than ", kMaxSecretBytes, " bytes"));
  }
  return contents;
}

absl::Status WriteNewSecret(const std::filesystem::path& path, std::string_view contents) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return ErrnoStatus("create", path);
  if (absl::Status status = WriteAndSync(std::move(file), path, contents); !status.ok()) {
    ::unlink(path.c_str());
    return status;
  }
  return SyncDirectory(ParentOf(path));
}

absl::Status CloseToOthers(const std::filesystem::path& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus("look at", path);
  if ((info.st_mode & S_IRWXO) == 0) return absl::OkStatus();
  if (::chmod(path.c_str(), info.st_mode & 07770) != 0) return ErrnoStatus("chmod o= of", path);
  return absl::OkStatus();
}

absl::Status SyncFile(const std::filesystem::path& path) { return Sync(path, 0); }

absl::Status SyncDirectory(const std::filesystem::path& path) {
  IMPRINT_FAILPOINT_OR_RETURN("directory.fsync.before");
  IMPRINT_RETURN_IF_ERROR(Sync(path, O_DIRECTORY));
  IMPRINT_FAILPOINT_OR_RETURN("directory.fsync.after");
  return absl::OkStatus();
}

absl::Status MakePrivateDirectories(const std::filesystem::path& path) {
  // "a/b/" and "a/b" are one folder.
  const std::filesystem::path folder = path.has_filename() ? path : path.parent_path();
  struct stat info;
  if (::stat(folder.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(folder.string(), " is not a folder"));
  }
  if (errno != ENOENT) return ErrnoStatus("look at", folder);
  const std::filesystem::path parent = ParentOf(folder);
  if (parent != folder) IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(parent));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoStatus("make", folder);
  return SyncDirectory(parent);
}

absl::Status RemoveTree(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("remove ", path.string()));
  }
  return absl::OkStatus();
}

}  // namespace imprint
