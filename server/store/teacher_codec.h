// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The packed form of a teacher's distribution in a TargetRecord: for each target token
// its k most likely tokens with their log-probabilities, row-major, little-endian.

#ifndef IMPRINT_SERVER_STORE_TEACHER_CODEC_H_
#define IMPRINT_SERVER_STORE_TEACHER_CODEC_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/store/records.pb.h"

namespace imprint::store {

// [tokens, k], row-major.
struct TeacherRows {
  int k = 0;
  std::vector<int32_t> ids;
  std::vector<float> log_probs;

  int tokens() const { return k == 0 ? 0 : static_cast<int>(ids.size()) / k; }
  absl::Span<const int32_t> ids_of(int token) const {
    return absl::MakeConstSpan(ids).subspan(static_cast<size_t>(token) * k, k);
  }
  absl::Span<const float> log_probs_of(int token) const {
    return absl::MakeConstSpan(log_probs).subspan(static_cast<size_t>(token) * k, k);
  }
};

// Sets k, top_ids and top_log_probs of `record`. `rows` has a row for each target token.
void PackTeacher(const TeacherRows& rows, TargetRecord& record);

// DATA_LOSS when the packed bytes do not fit the record's target tokens.
absl::StatusOr<TeacherRows> UnpackTeacher(const TargetRecord& record);

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_TEACHER_CODEC_H_
