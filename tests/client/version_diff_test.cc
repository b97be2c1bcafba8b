// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/version_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace imprint::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void AddResult(v1::RunProbesResponse& response, const std::string& probe, const std::string& answer,
               std::optional<double> efficacy) {
  v1::ProbeResult& result = *response.add_results();
  result.mutable_probe()->set_name(probe);
  result.mutable_probe()->set_experience("experiences/1");
  result.mutable_probe()->set_question("question of " + probe);
  result.set_answer(answer);
  if (efficacy.has_value()) result.set_efficacy(*efficacy);
}

class VersionDiffTest : public ::testing::Test {
 protected:
  VersionDiffTest() {
    AddResult(before_, "probes/1", "blue", 0.0);
    AddResult(before_, "probes/2", "the same", std::nullopt);
    AddResult(before_, "probes/3", "gone meanwhile", 0.5);
    AddResult(after_, "probes/2", "the same", std::nullopt);
    AddResult(after_, "probes/1", "green", 0.8);
  }

  v1::RunProbesResponse before_;
  v1::RunProbesResponse after_;
};

TEST_F(VersionDiffTest, PairsByProbeAndLeavesOutWhatOneVersionWasNotAsked) {
  const std::vector<ProbeChange> changes = PairResults(before_, after_);

  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].after.answer(), "green");
  EXPECT_TRUE(changes[0].AnswerChanged());
  EXPECT_FALSE(changes[1].AnswerChanged());
}

TEST_F(VersionDiffTest, ShowsChangedAnswersBesideEachOther) {
  const std::string text =
      FormatChanges(PairResults(before_, after_), /*unchanged_too=*/false, "[base]", "[2]", 40);

  EXPECT_THAT(text, HasSubstr("probes/1 of experiences/1, efficacy 0.00 -> 0.80\n"));
  EXPECT_THAT(text, HasSubstr("blue               | green\n"));
  EXPECT_THAT(text, Not(HasSubstr("question of probes/2")));
  EXPECT_THAT(text, HasSubstr("1 of 2 answers changed; mean efficacy 0.00 -> 0.80\n"));
}

TEST_F(VersionDiffTest, ShowsUnchangedAnswersWhenAsked) {
  const std::string text =
      FormatChanges(PairResults(before_, after_), /*unchanged_too=*/true, "[base]", "[2]", 40);

  EXPECT_THAT(text, HasSubstr("question of probes/2"));
  EXPECT_THAT(text, HasSubstr("efficacy - -> -"));
}

}  // namespace
}  // namespace imprint::client
