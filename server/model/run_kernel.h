// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Runs loops that are written with lanes.h on the compute threads, with the widest registers that
// this processor has.

#ifndef IMPRINT_SERVER_MODEL_RUN_KERNEL_H_
#define IMPRINT_SERVER_MODEL_RUN_KERNEL_H_

#include <cstdint>

#include "server/model/team.h"

namespace imprint::model {

namespace run_kernel_internal {
template <typename Kernel>
void Plain(const Kernel& kernel, int64_t begin, int64_t end) {
  kernel.Rows(begin, end);
}
#if defined(__x86_64__)
template <typename Kernel>
[[gnu::target("avx2,fma")]] void Avx2(const Kernel& kernel, int64_t begin, int64_t end) {
  kernel.Rows(begin, end);
}
template <typename Kernel>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] void Avx512(const Kernel& kernel,
                                                                  int64_t begin, int64_t end) {
  kernel.Rows(begin, end);
}
#endif
}  // namespace run_kernel_internal

#if defined(__x86_64__)
// Whether this processor, and the system, have what functions of these targets use.
inline bool HasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
inline bool HasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

// Calls kernel.Rows(begin, end), which is to be inlined always, for parts of [0, rows) of at least
// `grain`, as ParallelFor does. It is compiled once for any processor and once for each width.
template <typename Kernel>
void RunKernel(const Kernel& kernel, int64_t rows, int64_t grain) {
  auto run = &run_kernel_internal::Plain<Kernel>;
#if defined(__x86_64__)
  if (HasAvx512()) {
    run = &run_kernel_internal::Avx512<Kernel>;
  } else if (HasAvx2()) {
    run = &run_kernel_internal::Avx2<Kernel>;
  }
#endif
  ParallelFor(rows, grain, [&](int64_t begin, int64_t end) { run(kernel, begin, end); });
}

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_RUN_KERNEL_H_
