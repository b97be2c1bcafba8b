// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef IMPRINT_SERVER_RPC_MEMORY_FILE_H_
#define IMPRINT_SERVER_RPC_MEMORY_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace imprint::rpc {

// A file that is on no disk, for those who read by name what must not be written to one. Within
// this process, and while this lives. Not thread-safe, but that others may open it at any time.
class MemoryFile {
 public:
  MemoryFile() = default;
  ~MemoryFile();

  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // What will be its contents. Move-only.
  class Draft {
   public:
    // UNAVAILABLE: there is no /proc, or the process may have no more files.
    static absl::StatusOr<Draft> Of(std::string_view contents);
    Draft(Draft&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Draft& operator=(Draft&&) = delete;
    ~Draft();

   private:
    friend class MemoryFile;
    explicit Draft(int fd) : fd_(fd) {}
    int fd_;
  };

  // Who opens it gets all of the draft or all of what it held before, and can tell by the time of
  // its modification, in whole seconds, which of them. Fails in no way that a file that was drafted
  // has; INTERNAL otherwise.
  absl::Status Become(Draft draft);

  // The same for its whole life; empty before the first Become.
  std::string path() const;

 private:
  int fd_ = -1;
  int64_t modified_seconds_ = 0;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_MEMORY_FILE_H_
