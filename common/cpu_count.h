// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How many processors this process may use.

#ifndef IMPRINT_COMMON_CPU_COUNT_H_
#define IMPRINT_COMMON_CPU_COUNT_H_

#include <filesystem>

namespace imprint {

// Whole processors of the quota of the control group, or of one that it is in, whichever is
// least (cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us`); at least 1, and 0 where there is no
// quota. `proc_cgroup` has the form of /proc/self/cgroup, `root` is where groups are mounted.
//
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst.
int CpuQuota(const std::filesystem::path& proc_cgroup, const std::filesystem::path& root);

// Processors that the scheduler may give to this process, and its quota pays for; at least 1.
int UsableCpus();

}  // namespace imprint

#endif  // IMPRINT_COMMON_CPU_COUNT_H_
