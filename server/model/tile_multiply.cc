// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/tile_multiply.h"

#include "ATen/ATen.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "server/model/lanes.h"
#include "server/model/run_kernel.h"
#include "server/model/team.h"

namespace imprint::model {
namespace {

// A tile has 16 rows of 64 bytes: 32 bf16, or 16 f32.
constexpr int64_t kTileRows = 16;
constexpr int64_t kTileDepth = 32;
constexpr int64_t kTileBytes = 64;
// Rows of the weights that a thread takes at least: waking it up takes as long as reading these.
constexpr int64_t kRowsAThread = 128;

// AMX tiles, AMX for bf16, AVX-512 for bf16, and the system's leave to use the tiles.
bool HasTiles() {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  constexpr uint32_t kAmxBf16 = 1U << 22, kAmxTile = 1U << 24, kAvx512Bf16 = 1U << 5;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  if ((d & kAmxBf16) == 0 || (d & kAmxTile) == 0) return false;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) == 0 || (a & kAvx512Bf16) == 0) return false;
  if (!HasAvx512()) return false;
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

// What the processor reads to learn the shape of its tiles.
struct alignas(64) TileShapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

constexpr TileShapes WholeTiles() {
  TileShapes shapes;
  constexpr int kTiles = 8;
  for (int tile = 0; tile < kTiles; ++tile) {
    shapes.row_bytes[tile] = kTileBytes;
    shapes.rows[tile] = kTileRows;
  }
  return shapes;
}
// In memory before any code runs: gcc 12 does not see all that the instruction reads.
constexpr TileShapes kWholeTiles = WholeTiles();

struct Product {
  const c10::BFloat16* x;  // as PackRows leaves it
  const c10::BFloat16* weight;
  int64_t weight_stride;
  const c10::BFloat16* bias;  // [out], or null
  c10::BFloat16* y;           // [tokens, out]
  int64_t tokens;
  int64_t in;
  int64_t out;
};

// A row of a tile.
struct alignas(kTileBytes) TileRow {
  c10::BFloat16 values[kTileDepth];
};

// x in the order of the tiles: for each 16 tokens, of all of them two values beside one another,
// then the next two. Tokens that are missing in the last 16 are zero.
void PackRows(const c10::BFloat16* x, int64_t tokens, int64_t in, std::vector<TileRow>* packed) {
  const int64_t groups = (tokens + kTileRows - 1) / kTileRows;
  const int64_t group_rows = in / 2;
  packed->resize(static_cast<size_t>(groups * group_rows));
  if (tokens % kTileRows != 0) {
    std::fill(packed->end() - group_rows, packed->end(), TileRow());
  }
  for (int64_t token = 0; token < tokens; ++token) {
    TileRow* to = packed->data() + token / kTileRows * group_rows;
    const c10::BFloat16* from = x + token * in;
    for (int64_t i = 0; i < group_rows; ++i) {
      std::memcpy(to[i].values + token % kTileRows * 2, from + 2 * i, 2 * sizeof(*from));
    }
  }
}

// Places of the values of one row in two others, for Exchange.
struct alignas(kTileBytes) Places {
  int32_t of[kTileRows];
};

template <int kDistance, bool kUpper>
constexpr Places ExchangedPlaces() {
  Places places = {};
  for (int j = 0; j < kTileRows; ++j) {
    const bool second = (j & kDistance) != 0;
    // Those of the second row follow those of the first.
    const int upper = second ? kTileRows + j - kDistance : j;
    const int lower = second ? kTileRows + j : j + kDistance;
    places.of[j] = kUpper ? upper : lower;
  }
  return places;
}

// Exchanges value j + kDistance of row i with value j of row i + kDistance, for all i and j
// without that bit.
template <int kDistance>
[[gnu::target("avx512f"), gnu::always_inline]] inline void Exchange(__m512 (&rows)[kTileRows]) {
  static constexpr Places kUpper = ExchangedPlaces<kDistance, true>();
  static constexpr Places kLower = ExchangedPlaces<kDistance, false>();
  const __m512i upper = _mm512_load_si512(&kUpper);
  const __m512i lower = _mm512_load_si512(&kLower);
  for (int i = 0; i < kTileRows; ++i) {
    if ((i & kDistance) != 0) continue;
    const __m512 above = rows[i], below = rows[i + kDistance];
    rows[i] = _mm512_permutex2var_ps(above, upper, below);
    rows[i + kDistance] = _mm512_permutex2var_ps(above, lower, below);
  }
}

// Writes a tile [16 outputs, 16 tokens] to its place in y [tokens, outputs].
[[gnu::target("avx512f,avx512vl,avx512bf16")]] void Put(const float* tile, const Product& product,
                                                        int64_t output, int64_t group) {
  __m512 rows[kTileRows];
  for (int64_t i = 0; i < kTileRows; ++i) rows[i] = _mm512_load_ps(tile + i * kTileRows);
  Exchange<1>(rows);
  Exchange<2>(rows);
  Exchange<4>(rows);
  Exchange<8>(rows);
  Lanes bias = {};
  if (product.bias != nullptr) Load(product.bias + output, &bias);
  const int64_t first = group * kTileRows;
  const int64_t count = std::min(kTileRows, product.tokens - first);
  for (int64_t i = 0; i < kTileRows; ++i) {
    if (i >= count) break;
    const __m256bh rounded = _mm512_cvtneps_pbh(rows[i] + reinterpret_cast<const __m512&>(bias));
    std::memcpy(product.y + (first + i) * product.out + output, &rounded, sizeof(rounded));
  }
}

// Up to 16 tokens: 64 rows of the weights at a time. `begin` and `end` are multiples of 16.
[[gnu::target("amx-tile,amx-bf16")]] void MultiplyOneGroup(const Product& product, int64_t begin,
                                                           int64_t end) {
  alignas(64) float sums[4][kTileRows * kTileRows];
  const int64_t stride = product.weight_stride * 2;
  int64_t output = begin;
  for (; output + 4 * kTileRows <= end; output += 4 * kTileRows) {
    const c10::BFloat16* rows = product.weight + output * product.weight_stride;
    const int64_t next = kTileRows * product.weight_stride;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t i = 0; i < product.in; i += kTileDepth) {
      _tile_loadd(4, product.x + i * kTileRows, kTileBytes);
      _tile_loadd(5, rows + i, stride);
      _tile_dpbf16ps(0, 5, 4);
      _tile_loadd(6, rows + next + i, stride);
      _tile_dpbf16ps(1, 6, 4);
      _tile_loadd(7, rows + 2 * next + i, stride);
      _tile_dpbf16ps(2, 7, 4);
      _tile_loadd(5, rows + 3 * next + i, stride);
      _tile_dpbf16ps(3, 5, 4);
    }
    _tile_stored(0, sums[0], kTileBytes);
    _tile_stored(1, sums[1], kTileBytes);
    _tile_stored(2, sums[2], kTileBytes);
    _tile_stored(3, sums[3], kTileBytes);
    for (int64_t i = 0; i < 4; ++i) Put(sums[i], product, output + i * kTileRows, 0);
  }
  for (; output < end; output += kTileRows) {
    const c10::BFloat16* rows = product.weight + output * product.weight_stride;
    _tile_zero(0);
    for (int64_t i = 0; i < product.in; i += kTileDepth) {
      _tile_loadd(4, product.x + i * kTileRows, kTileBytes);
      _tile_loadd(5, rows + i, stride);
      _tile_dpbf16ps(0, 5, 4);
    }
    _tile_stored(0, sums[0], kTileBytes);
    Put(sums[0], product, output, 0);
  }
}

// More tokens: 32 of them with 32 rows of the weights at a time. Where there are only 16 more of
// either, these are multiplied twice and written once.
[[gnu::target("amx-tile,amx-bf16")]] void MultiplyGroups(const Product& product, int64_t begin,
                                                         int64_t end) {
  alignas(64) float sums[4][kTileRows * kTileRows];
  const int64_t stride = product.weight_stride * 2;
  const int64_t groups = (product.tokens + kTileRows - 1) / kTileRows;
  for (int64_t output = begin; output < end; output += 2 * kTileRows) {
    const bool two_outputs = output + kTileRows < end;
    const c10::BFloat16* rows = product.weight + output * product.weight_stride;
    const c10::BFloat16* more_rows = two_outputs ? rows + kTileRows * product.weight_stride : rows;
    for (int64_t group = 0; group < groups; group += 2) {
      const bool two_groups = group + 1 < groups;
      const c10::BFloat16* x = product.x + group * kTileRows * product.in;
      const c10::BFloat16* more_x = two_groups ? x + kTileRows * product.in : x;
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int64_t i = 0; i < product.in; i += kTileDepth) {
        _tile_loadd(4, x + i * kTileRows, kTileBytes);
        _tile_loadd(6, rows + i, stride);
        _tile_dpbf16ps(0, 6, 4);
        _tile_loadd(5, more_x + i * kTileRows, kTileBytes);
        _tile_dpbf16ps(1, 6, 5);
        _tile_loadd(7, more_rows + i, stride);
        _tile_dpbf16ps(2, 7, 4);
        _tile_dpbf16ps(3, 7, 5);
      }
      _tile_stored(0, sums[0], kTileBytes);
      _tile_stored(1, sums[1], kTileBytes);
      _tile_stored(2, sums[2], kTileBytes);
      _tile_stored(3, sums[3], kTileBytes);
      Put(sums[0], product, output, group);
      if (two_groups) Put(sums[1], product, output, group + 1);
      if (two_outputs) Put(sums[2], product, output + kTileRows, group);
      if (two_groups && two_outputs) Put(sums[3], product, output + kTileRows, group + 1);
    }
  }
}

[[gnu::target("amx-tile")]] void MultiplyOutputs(const Product& product, int64_t begin,
                                                 int64_t end) {
  _tile_loadconfig(&kWholeTiles);
  if (product.tokens <= kTileRows) {
    MultiplyOneGroup(product, begin, end);
  } else {
    MultiplyGroups(product, begin, end);
  }
  // A thread that has tiles is dearer to switch.
  _tile_release();
}

}  // namespace

bool FitsTiles(const at::Tensor& weight) {
  static const bool has_tiles = HasTiles();
  return has_tiles && weight.device().is_cpu() && weight.scalar_type() == at::kBFloat16 &&
         weight.stride(1) == 1 && weight.stride(0) >= weight.size(1) &&
         weight.size(1) % kTileDepth == 0 && weight.size(0) % kTileRows == 0;
}

at::Tensor TileMultiply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  TORCH_CHECK(FitsTiles(weight) && x.scalar_type() == at::kBFloat16 && x.device().is_cpu() &&
                  x.size(1) == weight.size(1),
              "a product of ", x.sizes(), " with weights of ", weight.sizes(),
              " does not fit the tiles");
  const at::Tensor rows = x.contiguous();
  at::Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
  if (y.numel() == 0) return y;
  // Of this thread, for the next product; the threads of this one read it.
  static thread_local std::vector<TileRow> packed;
  PackRows(rows.const_data_ptr<c10::BFloat16>(), rows.size(0), rows.size(1), &packed);
  const at::Tensor added = bias.defined() ? bias.contiguous() : bias;
  const Product product = {
      .x = packed.data()->values,
      .weight = weight.const_data_ptr<c10::BFloat16>(),
      .weight_stride = weight.stride(0),
      .bias = added.defined() ? added.const_data_ptr<c10::BFloat16>() : nullptr,
      .y = y.data_ptr<c10::BFloat16>(),
      .tokens = rows.size(0),
      .in = rows.size(1),
      .out = weight.size(0)};
  ParallelFor(product.out / kTileRows, kRowsAThread / kTileRows,
              [&product](int64_t begin, int64_t end) {
                MultiplyOutputs(product, begin * kTileRows, end * kTileRows);
              });
  return y;
}

}  // namespace imprint::model

#else

namespace imprint::model {

bool FitsTiles(const at::Tensor& /*weight*/) { return false; }

at::Tensor TileMultiply(const at::Tensor& /*x*/, const at::Tensor& /*weight*/,
                        const at::Tensor& /*bias*/) {
  TORCH_CHECK(false, "this system has no tiles");
}

}  // namespace imprint::model

#endif
