// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/testing/temp_dir.h"

namespace imprint::fuzz {

void Fail(const char* claim, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
  std::abort();
}

const std::filesystem::path& ScratchFolder() {
  static const testing::TempDir folder;
  return folder.path();
}

std::filesystem::path WriteScratch(const std::string& name, std::string_view bytes) {
  std::filesystem::path path = ScratchFolder() / name;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  FUZZ_CHECK(file >= 0);
  FUZZ_CHECK(::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  FUZZ_CHECK(::close(file) == 0);
  return path;
}

}  // namespace imprint::fuzz
