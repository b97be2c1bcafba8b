// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/probe/prober.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "server/store/teacher_codec.h"
#include "tests/fakes/fake_engine.h"
#include "tests/testing/status_matchers.h"

namespace imprint::probe {
namespace {

using ::imprint::testing::HasCode;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

ProbeScore Score(int64_t sequence, double kl_student, double kl_base, int tokens) {
  ProbeScore score{
      .probe = {}, .kl_student = kl_student, .kl_base = kl_base, .tokens = tokens, .answer = {}};
  score.probe.set_sequence(sequence);
  return score;
}

// Target tokens 1, 2, ...; on each the teacher gives `right` to it and the rest to token 0.
store::TargetRecord Text(int tokens, double right) {
  store::TargetRecord text;
  text.add_student_prompt_ids(5);
  store::TeacherRows rows{.k = 2, .ids = {}, .log_probs = {}};
  for (int t = 1; t <= tokens; ++t) {
    text.add_target_ids(t);
    rows.ids.insert(rows.ids.end(), {t, 0});
    rows.log_probs.push_back(static_cast<float>(std::log(right)));
    rows.log_probs.push_back(static_cast<float>(std::log(1 - right)));
  }
  store::PackTeacher(rows, text);
  return text;
}

// A version that gives 0.6 to the right token and 0.4 to token 0.
float SixTenths(const engine::ScoreRequest&, size_t, int32_t id) {
  return static_cast<float>(std::log(id == 0 ? 0.4 : 0.6));
}

double Kl(double p, double q) {
  return p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q));
}

class ProberTest : public ::testing::Test {
 protected:
  fakes::FakeEngine engine_{SixTenths};
  const Prober prober_{&engine_, nullptr};
  const engine::SharedVersion version_ = std::make_shared<version::Version>();
};

TEST(EfficaciesTest, SumsOverTheProbesOfAnExperience) {
  EXPECT_THAT(Efficacies({Score(3, 1, 4, 5), Score(3, 0, 1, 1), Score(9, 2, 1, 1)}),
              ElementsAre(Pair(3, DoubleNear(0.8, 1e-9)), Pair(9, DoubleNear(-1, 1e-9))));
}

TEST(EfficaciesTest, UnmeasurableOnesAreLeftOut) {
  EXPECT_THAT(Efficacies({Score(1, 0, 0.049, 1), Score(2, 0, 0, 0)}), IsEmpty());
}

TEST(EfficaciesTest, RetentionProbesAreLeftOut) {
  EXPECT_THAT(Efficacies({Score(0, 1, 4, 5)}), IsEmpty());
}

TEST(EfficaciesTest, NotANumberShows) {
  const auto efficacies = Efficacies({Score(1, std::nan(""), 4, 5)});

  ASSERT_EQ(efficacies.size(), 1u);
  EXPECT_TRUE(std::isnan(efficacies.at(1)));
}

TEST_F(ProberTest, AsksEveryProbeOverAllTokensOfItsAnswer) {
  store::ProbeRecord probe;
  probe.set_sequence(4);
  probe.set_kl_base(2.5);
  *probe.mutable_teacher() = Text(3, 0.9);

  IMPRINT_ASSERT_OK_AND_ASSIGN(const std::vector<ProbeScore> scores,
                               prober_.Ask(version_, {probe, probe}, /*with_answers=*/false));

  ASSERT_EQ(scores.size(), 2u);
  EXPECT_NEAR(scores[1].kl_student, 3 * Kl(0.9, 0.6), 1e-4);
  EXPECT_EQ(scores[1].kl_base, 2.5);
  EXPECT_EQ(scores[1].tokens, 3);
  EXPECT_EQ(scores[1].probe.sequence(), 4);
}

TEST_F(ProberTest, NoProbesAreNoWork) {
  engine_.FailWith(absl::UnavailableError("draining"));

  IMPRINT_ASSERT_OK_AND_ASSIGN(const std::vector<ProbeScore> scores,
                               prober_.Ask(version_, {}, /*with_answers=*/true));

  EXPECT_THAT(scores, IsEmpty());
}

TEST_F(ProberTest, RetentionIsPerToken) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(const RetentionScore retention,
                               prober_.Retention(version_, {Text(1, 0.9), Text(3, 0.7)}));

  EXPECT_EQ(retention.tokens, 4);
  EXPECT_NEAR(retention.kl, (Kl(0.9, 0.6) + 3 * Kl(0.7, 0.6)) / 4, 1e-4);
  EXPECT_NEAR(retention.perplexity_ratio,
              std::exp((std::log(0.9 / 0.6) + 3 * std::log(0.7 / 0.6)) / 4), 1e-4);
}

TEST_F(ProberTest, TokensOutsideTheBasesFavouritesDoNotCountForPerplexity) {
  store::TargetRecord text = Text(2, 0.9);
  text.set_target_ids(1, 77);

  IMPRINT_ASSERT_OK_AND_ASSIGN(const RetentionScore retention, prober_.Retention(version_, {text}));

  EXPECT_EQ(retention.tokens, 2);
  EXPECT_NEAR(retention.perplexity_ratio, 0.9 / 0.6, 1e-4);
}

TEST_F(ProberTest, WithoutTextRetentionIsWhole) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(const RetentionScore retention, prober_.Retention(version_, {}));

  EXPECT_EQ(retention.kl, 0);
  EXPECT_EQ(retention.perplexity_ratio, 1);
}

TEST_F(ProberTest, BrokenDistributionIsDataLoss) {
  store::TargetRecord text = Text(2, 0.9);
  text.mutable_top_ids()->pop_back();
  store::ProbeRecord probe;
  *probe.mutable_teacher() = text;

  EXPECT_THAT(prober_.Retention(version_, {text}), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_THAT(prober_.Ask(version_, {probe}, false), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(ProberTest, EngineErrorsPassThrough) {
  engine_.FailWith(absl::ResourceExhaustedError("full"));

  EXPECT_THAT(prober_.Retention(version_, {Text(1, 0.9)}),
              HasCode(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace imprint::probe
