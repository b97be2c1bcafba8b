// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef IMPRINT_SERVER_RPC_MEMORY_FILE_H_
#define IMPRINT_SERVER_RPC_MEMORY_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace imprint::rpc {

// A file that is on no disk, for those who read by name what must not be written to one. Within
// this process, and while this lives. Not thread-safe, but that others may open it at any time.
class MemoryFile {
 public:
  MemoryFile() = default;
  ~MemoryFile();

  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // Who opens it gets all of `contents` or all of what it held before, and can tell by the time of
  // its modification, in whole seconds, which of them. UNAVAILABLE: there is no /proc, or the
  // process may have no more files.
  absl::Status Write(std::string_view contents);

  // The same for its whole life; empty before the first Write.
  std::string path() const;

 private:
  int fd_ = -1;
  int64_t modified_seconds_ = 0;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_MEMORY_FILE_H_
