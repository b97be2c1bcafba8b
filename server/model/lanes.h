// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Floats side by side, for loops that are written once and compiled for processors with and
// without wide registers. Everything is inlined into its caller, whose target it takes.

#ifndef IMPRINT_SERVER_MODEL_LANES_H_
#define IMPRINT_SERVER_MODEL_LANES_H_

#include <cstdint>
#include <cstring>

#include "c10/util/BFloat16.h"

namespace imprint::model {

// As many floats as the widest registers hold; in two registers or more where these are narrower.
inline constexpr int64_t kLanes = 16;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));

namespace lanes_internal {
using Quarter = float __attribute__((vector_size(kLanes * sizeof(float) / 4)));
using Bits = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));
using Halves = uint16_t __attribute__((vector_size(kLanes * sizeof(uint16_t))));
using Wholes = uint32_t __attribute__((vector_size(kLanes * sizeof(uint32_t))));
}  // namespace lanes_internal

[[gnu::always_inline]] inline float ToFloat(float value) { return value; }
[[gnu::always_inline]] inline float ToFloat(c10::BFloat16 value) {
  const uint32_t bits = uint32_t{value.x} << 16;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

// By pointer and not as a result: a vector that is returned has another calling convention on each
// target.
[[gnu::always_inline]] inline void Load(const float* from, Lanes* lanes) {
  std::memcpy(lanes, from, sizeof(Lanes));
}
[[gnu::always_inline]] inline void Load(const c10::BFloat16* from, Lanes* lanes) {
  lanes_internal::Halves halves;
  std::memcpy(&halves, from, sizeof(halves));
  const auto wholes = __builtin_convertvector(halves, lanes_internal::Wholes) << 16;
  std::memcpy(lanes, &wholes, sizeof(wholes));
}

[[gnu::always_inline]] inline void Store(const Lanes& lanes, float* to) {
  std::memcpy(to, &lanes, sizeof(lanes));
}
// Rounded to the nearest, ties to even; what is not a number stays so.
[[gnu::always_inline]] inline void Store(const Lanes& lanes, c10::BFloat16* to) {
  using lanes_internal::Wholes;
  Wholes wholes;
  std::memcpy(&wholes, &lanes, sizeof(wholes));
  const Wholes rounded = (wholes + 0x7FFFU + ((wholes >> 16) & 1U)) >> 16;
  const Wholes nan = Wholes{} + 0x7FC0U;
  const Wholes chosen = (lanes == lanes) ? rounded : nan;
  const auto halves = __builtin_convertvector(chosen, lanes_internal::Halves);
  std::memcpy(to, &halves, sizeof(halves));
}

// The first `count` of them, up to kLanes; the others are zero, or stay as they are in memory.
template <typename Scalar>
[[gnu::always_inline]] inline void Load(const Scalar* from, int64_t count, Lanes* lanes) {
  if (count == kLanes) return Load(from, lanes);
  Scalar some[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) some[i] = from[i];
  Load(some, lanes);
}
template <typename Scalar>
[[gnu::always_inline]] inline void Store(const Lanes& lanes, int64_t count, Scalar* to) {
  if (count == kLanes) return Store(lanes, to);
  Scalar some[kLanes];
  Store(lanes, some);
  for (int64_t i = 0; i < count; ++i) to[i] = some[i];
}

// Of all lanes.
[[gnu::always_inline]] inline float Sum(const Lanes& lanes) {
  lanes_internal::Quarter quarters[4];
  std::memcpy(quarters, &lanes, sizeof(lanes));
  const lanes_internal::Quarter sum = quarters[0] + quarters[1] + (quarters[2] + quarters[3]);
  return sum[0] + sum[1] + (sum[2] + sum[3]);
}

// Sets those after the first `count`, so that they change nothing where lanes are put together.
[[gnu::always_inline]] inline void KeepFirst(int64_t count, float otherwise, Lanes* lanes) {
  for (int64_t lane = count; lane < kLanes; ++lane) (*lanes)[lane] = otherwise;
}

// Calls use(i, n) for each run of kLanes values that begins at i, and for what is left; n is how
// many they are.
template <typename Use>
[[gnu::always_inline]] inline void ForLanes(int64_t size, const Use& use) {
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) use(i, kLanes);
  if (i < size) use(i, size - i);
}

// The greatest of `least` and of `count` values; what is not a number does not count.
template <typename Scalar>
[[gnu::always_inline]] inline float Greatest(const Scalar* values, int64_t count, float least) {
  Lanes greatest = Lanes{} + least;
  ForLanes(count, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
    Lanes value;
    Load(values + i, n, &value);
    KeepFirst(n, least, &value);
    greatest = value > greatest ? value : greatest;
  });
  float result = greatest[0];
  for (int64_t lane = 1; lane < kLanes; ++lane) {
    if (greatest[lane] > result) result = greatest[lane];
  }
  return result;
}

// e^x within 2 units in the last place; below about -87 the least normal number, above about 88
// the greatest: neither zero nor infinite.
//
// Source: Moshier's Cephes library, expf.
[[gnu::always_inline]] inline void Exp(const Lanes& x, Lanes* result) {
  constexpr float kLog2E = 1.44269504088896341F;
  constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: what is added to it is rounded
  const Lanes least = Lanes{} - 87.3F, most = Lanes{} + 88.0F;
  Lanes bounded = x < least ? least : x;
  bounded = bounded > most ? most : bounded;
  const Lanes shifted = bounded * kLog2E + kRound;
  const Lanes power = shifted - kRound;
  const Lanes rest = bounded - power * kLn2High - power * kLn2Low;
  Lanes series = rest * 1.9875691500e-4F + 1.3981999507e-3F;
  series = series * rest + 8.3334519073e-3F;
  series = series * rest + 4.1665795894e-2F;
  series = series * rest + 1.6666665459e-1F;
  series = series * rest + 5.0000001201e-1F;
  series = series * rest * rest + rest + 1.0F;
  const lanes_internal::Bits exponent = (__builtin_convertvector(power, lanes_internal::Bits) + 127)
                                        << 23;
  Lanes scale;
  std::memcpy(&scale, &exponent, sizeof(scale));
  *result = series * scale;
}

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_LANES_H_
