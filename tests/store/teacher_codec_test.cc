// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/teacher_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"

namespace imprint::store {
namespace {

using ::testing::ElementsAre;
using testing::HasCode;

TargetRecord TwoTokens() {
  TargetRecord record;
  record.add_target_ids(10);
  record.add_target_ids(11);
  PackTeacher({.k = 3, .ids = {10, 4, 5, 11, 6, 70000}, .log_probs = {-.1, -3, -4, -.2, -2, -5}},
              record);
  return record;
}

TEST(TeacherCodecTest, UnpacksWhatWasPacked) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(TeacherRows rows, UnpackTeacher(TwoTokens()));

  EXPECT_EQ(rows.tokens(), 2);
  EXPECT_THAT(rows.ids_of(1), ElementsAre(11, 6, 70000));
  EXPECT_THAT(rows.log_probs_of(0), ElementsAre(-.1F, -3.F, -4.F));
}

TEST(TeacherCodecTest, PackedFormIsLittleEndian) {
  TargetRecord record;
  record.add_target_ids(1);
  PackTeacher({.k = 1, .ids = {0x01020304}, .log_probs = {-1.0F}}, record);
  EXPECT_EQ(record.top_ids(), "\x04\x03\x02\x01");
  EXPECT_EQ(record.top_log_probs(), std::string("\x00\x00\x80\xbf", 4));
}

TEST(TeacherCodecTest, SizesThatDoNotFitAreDataLoss) {
  TargetRecord shorter = TwoTokens();
  shorter.mutable_top_ids()->pop_back();
  TargetRecord more_targets = TwoTokens();
  more_targets.add_target_ids(12);
  TargetRecord no_k = TwoTokens();
  no_k.set_k(0);
  TargetRecord negative_k = TwoTokens();
  negative_k.set_k(-3);
  for (const TargetRecord& record : {shorter, more_targets, no_k, negative_k}) {
    EXPECT_THAT(UnpackTeacher(record), HasCode(absl::StatusCode::kDataLoss));
  }
}

}  // namespace
}  // namespace imprint::store
