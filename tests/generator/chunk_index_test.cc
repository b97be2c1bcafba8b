// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/chunk_index.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace imprint::generator {
namespace {

const std::vector<std::string>& Chunks() {
  static const auto* chunks = new std::vector<std::string>{
      "The boat is red. The boat is old.", "Mira built the mill in 1923.", "The boat is red."};
  return *chunks;
}

TEST(ChunkIndex, TheChunkThatSharesMostWords) {
  const ChunkIndex index(Chunks());
  EXPECT_EQ(index.Best("Who built the MILL?"), 1U);
  EXPECT_EQ(index.Best("How old is the boat"), 0U);
}

TEST(ChunkIndex, AWordCountsOnceHoweverOftenItIsSaid) {
  EXPECT_EQ(ChunkIndex(Chunks()).Best("Boat, boat, boat: which mill has Mira built?"), 1U);
}

TEST(ChunkIndex, TheFirstOfEquals) {
  const ChunkIndex index(Chunks());
  EXPECT_EQ(index.Best("red boat"), 0U);
  EXPECT_EQ(index.Best("nothing of that"), 0U);
  EXPECT_EQ(index.Best(""), 0U);
}

}  // namespace
}  // namespace imprint::generator
