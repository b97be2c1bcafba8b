// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/file_util.h"

namespace imprint {
namespace {

// Of one machine.
constexpr int kMostCpus = 8192;
constexpr double kNoQuota = std::numeric_limits<double>::infinity();

double Quota(absl::string_view microseconds, absl::string_view period) {
  int64_t quota = 0, of = 0;  // "max" and -1: no quota
  if (!absl::SimpleAtoi(microseconds, &quota) || !absl::SimpleAtoi(period, &of)) return kNoQuota;
  return quota > 0 && of > 0 ? static_cast<double>(quota) / static_cast<double>(of) : kNoQuota;
}

// Of one group alone.
double QuotaOf(const std::filesystem::path& group) {
  const absl::StatusOr<std::string> v2 = ReadFile(group / "cpu.max");
  if (v2.ok()) {
    const std::vector<std::string> parts = absl::StrSplit(*v2, ' ');
    return parts.size() == 2 ? Quota(parts[0], parts[1]) : kNoQuota;
  }
  const absl::StatusOr<std::string> quota = ReadFile(group / "cpu.cfs_quota_us");
  const absl::StatusOr<std::string> period = ReadFile(group / "cpu.cfs_period_us");
  return quota.ok() && period.ok() ? Quota(*quota, *period) : kNoQuota;
}

// Of the group `name` below `mount` and of those it is in. A container often sees its own group
// as the mount itself, whatever name it has outside.
double QuotaUpwards(const std::filesystem::path& mount, absl::string_view name) {
  double least = QuotaOf(mount);
  std::filesystem::path group = mount;
  for (const absl::string_view part : absl::StrSplit(name, '/', absl::SkipEmpty())) {
    group /= std::string(part);
    least = std::min(least, QuotaOf(group));
  }
  return least;
}

// std::thread::hardware_concurrency() counts all that the machine has.
int CpusOfAffinity() {
  cpu_set_t* const set = CPU_ALLOC(kMostCpus);
  const size_t bytes = CPU_ALLOC_SIZE(kMostCpus);
  CPU_ZERO_S(bytes, set);
  const bool known = sched_getaffinity(0, bytes, set) == 0;
  const int cpus = known ? CPU_COUNT_S(bytes, set) : 0;
  CPU_FREE(set);
  return cpus > 0 ? cpus : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace

int CpuQuota(const std::filesystem::path& proc_cgroup, const std::filesystem::path& root) {
  const absl::StatusOr<std::string> groups = ReadFile(proc_cgroup);
  if (!groups.ok()) return 0;
  double least = kNoQuota;
  for (const absl::string_view line : absl::StrSplit(*groups, '\n', absl::SkipEmpty())) {
    // hierarchy:controllers:group
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    if (fields[1].empty()) least = std::min(least, QuotaUpwards(root, fields[2]));
    for (const absl::string_view controller : absl::StrSplit(fields[1], ',')) {
      if (controller == "cpu") least = std::min(least, QuotaUpwards(root / "cpu", fields[2]));
    }
  }
  if (least == kNoQuota) return 0;
  return static_cast<int>(std::clamp(least, 1.0, 1e6));
}

int UsableCpus() {
  const int quota = CpuQuota("/proc/self/cgroup", "/sys/fs/cgroup");
  const int cpus = CpusOfAffinity();
  return quota > 0 ? std::min(cpus, quota) : cpus;
}

}  // namespace imprint
