// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace imprint::metrics {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

double ProcessCpuSeconds() {
  rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

double ProcessResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t total_pages = 0;
  int64_t resident_pages = 0;
  if (!(file >> total_pages >> resident_pages)) return 0;
  return static_cast<double>(resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double ProcessOpenFiles() {
  std::error_code error;
  std::filesystem::directory_iterator files("/proc/self/fd", error);
  int64_t count = 0;
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) ++count;
  // The iterator itself holds one of them.
  return count > 0 ? static_cast<double>(count - 1) : 0;
}

double MemoryLimitBytes() {
  const double machine =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  // "0::/a/b": of its own group and of those that it is in. A container sees its own as the root.
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  std::filesystem::path group;
  while (std::getline(groups, line)) {
    if (line.rfind("0::/", 0) == 0) group = line.substr(4);
  }
  double least = machine;
  std::filesystem::path folder = "/sys/fs/cgroup";
  const auto look = [&least, &folder] {
    std::ifstream file(folder / "memory.max");
    double bytes = 0;
    if (file >> bytes) least = std::min(least, bytes);  // "max" is no number
  };
  look();
  for (const std::filesystem::path& part : group) {
    folder /= part;
    look();
  }
  return least;
}

}  // namespace imprint::metrics
