// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A folder of a test's own.

#ifndef IMPRINT_TESTS_TESTING_TEMP_DIR_H_
#define IMPRINT_TESTS_TESTING_TEMP_DIR_H_

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace imprint::testing {

// Made empty, and removed with all that is in it at the end.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "imprint-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace imprint::testing

#endif  // IMPRINT_TESTS_TESTING_TEMP_DIR_H_
