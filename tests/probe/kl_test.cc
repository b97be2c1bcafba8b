// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/probe/kl.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace imprint::probe {
namespace {

std::vector<float> Logs(const std::vector<double>& probabilities) {
  std::vector<float> logs;
  for (const double p : probabilities) logs.push_back(static_cast<float>(std::log(p)));
  return logs;
}

TEST(TopKKlTest, EqualDistributionsHaveNone) {
  EXPECT_NEAR(TopKKl(Logs({0.5, 0.2}), Logs({0.5, 0.2})), 0, 1e-7);
  EXPECT_NEAR(TopKKl(Logs({0.5, 0.5}), Logs({0.5, 0.5})), 0, 1e-7);
}

TEST(TopKKlTest, RestIsOneBucket) {
  const double expected =
      0.6 * std::log(0.6 / 0.2) + 0.3 * std::log(0.3 / 0.3) + 0.1 * std::log(0.1 / 0.5);

  EXPECT_NEAR(TopKKl(Logs({0.6, 0.3}), Logs({0.2, 0.3})), expected, 1e-6);
}

TEST(TopKKlTest, EqualsTheFullKlWhenAllTokensAreNamed) {
  const double expected = 0.7 * std::log(0.7 / 0.1) + 0.3 * std::log(0.3 / 0.9);

  EXPECT_NEAR(TopKKl(Logs({0.7, 0.3}), Logs({0.1, 0.9})), expected, 1e-4);
}

TEST(TopKKlTest, IsALowerBoundOfTheFullKl) {
  const double full =
      0.5 * std::log(0.5 / 0.4) + 0.3 * std::log(0.3 / 0.1) + 0.2 * std::log(0.2 / 0.5);

  EXPECT_LE(TopKKl(Logs({0.5}), Logs({0.4})), full);
}

TEST(TopKKlTest, RestOfTheStudentIsClampedSoThatItStaysFinite) {
  // The teacher gives 0.1 to tokens that the student gives nothing.
  const double expected = 0.9 * std::log(0.9 / 1.0) + 0.1 * std::log(0.1 / kMinRestMass);

  EXPECT_NEAR(TopKKl(Logs({0.9}), Logs({1.0})), expected, 1e-4);
}

TEST(TopKKlTest, TokenThatTheTeacherRulesOutCostsNothing) {
  const float never = -std::numeric_limits<float>::infinity();

  EXPECT_NEAR(TopKKl({{0.0f, never}}, {{0.0f, never}}), 0, 1e-6);
}

TEST(TopKKlTest, TokenThatTheStudentRulesOutIsInfinite) {
  const float never = -std::numeric_limits<float>::infinity();

  EXPECT_EQ(TopKKl(Logs({0.5, 0.5}), {{0.0f, never}}), std::numeric_limits<double>::infinity());
}

TEST(TopKKlTest, NotANumberIsNotHidden) {
  const float nan = std::numeric_limits<float>::quiet_NaN();

  EXPECT_TRUE(std::isnan(TopKKl(Logs({0.5, 0.4}), {{nan, -1.0f}})));
  EXPECT_TRUE(std::isnan(TopKKl({{nan, -1.0f}}, Logs({0.5, 0.4}))));
}

}  // namespace
}  // namespace imprint::probe
