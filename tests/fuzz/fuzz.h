// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the fuzz targets share. A target is one function, which takes any bytes and returns 0:
// LLVMFuzzerTestOneInput. What it finds wrong ends the program.

#ifndef IMPRINT_TESTS_FUZZ_FUZZ_H_
#define IMPRINT_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace imprint::fuzz {

// Says what does not hold, and aborts.
[[noreturn]] void Fail(const char* claim, const char* file, int line);

// A property of the code under test.
#define FUZZ_CHECK(claim) \
  if (!(claim)) ::imprint::fuzz::Fail(#claim, __FILE__, __LINE__)

// Takes an input apart from its beginning. What is not there is zero.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  template <typename Number>
  Number Take() {
    Number number{};
    const size_t bytes = rest_.size() < sizeof number ? rest_.size() : sizeof number;
    std::memcpy(&number, rest_.data(), bytes);
    rest_.remove_prefix(bytes);
    return number;
  }

  // Up to the next `end`, which is taken too, or all.
  std::string_view TakeUntil(char end) {
    const size_t size = rest_.find(end);
    const std::string_view part = rest_.substr(0, size);
    rest_.remove_prefix(size == std::string_view::npos ? rest_.size() : size + 1);
    return part;
  }

  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// A folder of this process below TMPDIR, removed when it ends well.
const std::filesystem::path& ScratchFolder();

// Puts `bytes` into a file of that name there, mode 0600; gives its path.
std::filesystem::path WriteScratch(const std::string& name, std::string_view bytes);

}  // namespace imprint::fuzz

#endif  // IMPRINT_TESTS_FUZZ_FUZZ_H_
