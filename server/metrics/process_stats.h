// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What this process takes from the machine, from /proc/self.

#ifndef IMPRINT_SERVER_METRICS_PROCESS_STATS_H_
#define IMPRINT_SERVER_METRICS_PROCESS_STATS_H_

namespace imprint::metrics {

// Each gives 0 where /proc cannot be read.

// User and system time of all threads since the start.
double ProcessCpuSeconds();
double ProcessResidentBytes();
double ProcessOpenFiles();

// What the process may have before it is killed: the machine's memory, or what its control groups
// allow, whichever is least (cgroup v2 `memory.max`).
//
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst.
double MemoryLimitBytes();

}  // namespace imprint::metrics

#endif  // IMPRINT_SERVER_METRICS_PROCESS_STATS_H_
