// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/remote_audit.h"

#include <gtest/gtest.h>

namespace imprint::generator {
namespace {

constexpr char kChunk[] =
    "The boat of Mira is red. It was built in 1923 by Otto Senn. It carries 40 people.";

TEST(RemoteAuditTest, WhatTheTextSaysIsKept) {
  EXPECT_TRUE(IsBorneOut({"Who built the boat of Mira?", "Otto Senn built it."}, kChunk));
  EXPECT_TRUE(IsBorneOut({"What colour is the boat of Mira?", "It is red."}, kChunk));
  EXPECT_TRUE(IsBorneOut({"How many people does it carry?", "40"}, kChunk));
  EXPECT_TRUE(IsBorneOut({"Tell me about the boat.", "It was built in 1923."}, kChunk));
}

TEST(RemoteAuditTest, AskedTheOtherWayRoundTheSubjectIsTheAnswer) {
  EXPECT_TRUE(IsBorneOut({"Which boat did Otto Senn build in 1923?", "The one of Mira."}, kChunk));
}

TEST(RemoteAuditTest, NamesAndNumbersOfItsOwnAreDropped) {
  EXPECT_FALSE(IsBorneOut({"Who built the boat of Mira?", "The builder was Hans Senn."}, kChunk));
  EXPECT_FALSE(IsBorneOut({"When was it built?", "Otto Senn built it in 1924."}, kChunk));
}

TEST(RemoteAuditTest, AQuestionMayNotBringInWhatTheAnswerThenSays) {
  EXPECT_FALSE(
      IsBorneOut({"Did Hans Brandt build the boat?", "Hans Brandt and Otto Senn did."}, kChunk));
  EXPECT_FALSE(IsBorneOut({"Who built the boat before Hans Brandt?", "Otto Senn did."}, kChunk));
}

TEST(RemoteAuditTest, AnAnswerThatSaysNothingNewIsDropped) {
  EXPECT_FALSE(IsBorneOut({"Is the boat of Mira red?", "Yes, the boat of Mira is red."}, kChunk));
  EXPECT_FALSE(IsBorneOut({"Who painted it?", "The text does not say."}, kChunk));
}

}  // namespace
}  // namespace imprint::generator
