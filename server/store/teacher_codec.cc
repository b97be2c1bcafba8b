// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/teacher_codec.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace imprint::store {

static_assert(std::endian::native == std::endian::little,
              "the packed form is little-endian and copied as it is");

void PackTeacher(const TeacherRows& rows, TargetRecord& record) {
  record.set_k(rows.k);
  record.set_top_ids(reinterpret_cast<const char*>(rows.ids.data()),
                     rows.ids.size() * sizeof(int32_t));
  record.set_top_log_probs(reinterpret_cast<const char*>(rows.log_probs.data()),
                           rows.log_probs.size() * sizeof(float));
}

absl::StatusOr<TeacherRows> UnpackTeacher(const TargetRecord& record) {
  const size_t cells = static_cast<size_t>(record.target_ids_size()) * record.k();
  if (record.k() <= 0 || record.top_ids().size() != cells * sizeof(int32_t) ||
      record.top_log_probs().size() != cells * sizeof(float)) {
    return absl::DataLossError(absl::StrCat(
        "target sentence of ", record.target_ids_size(), " tokens has a teacher of k=", record.k(),
        " with ", record.top_ids().size(), " + ", record.top_log_probs().size(), " bytes"));
  }
  TeacherRows rows;
  rows.k = record.k();
  rows.ids.resize(cells);
  rows.log_probs.resize(cells);
  if (cells > 0) {
    std::memcpy(rows.ids.data(), record.top_ids().data(), record.top_ids().size());
    std::memcpy(rows.log_probs.data(), record.top_log_probs().data(),
                record.top_log_probs().size());
  }
  return rows;
}

}  // namespace imprint::store
