// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/report_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/learning_history.h"
#include "client/cli/svg_plot.h"

namespace imprint::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

v1::Job Committed(int64_t version, const std::vector<std::pair<std::string, double>>& own,
                  const std::vector<std::pair<std::string, double>>& earlier) {
  v1::Job job;
  job.set_name("jobs/1");
  job.set_state(v1::JOB_STATE_COMMITTED);
  job.set_version(version);
  for (const auto& [name, efficacy] : own) {
    v1::ExperienceEfficacy& entry = *job.mutable_report()->add_experience_efficacies();
    entry.set_experience(name);
    entry.set_efficacy(efficacy);
  }
  for (const auto& [name, efficacy] : earlier) {
    v1::ExperienceEfficacy& entry = *job.mutable_report()->add_earlier_experience_efficacies();
    entry.set_experience(name);
    entry.set_efficacy(efficacy);
  }
  return job;
}

TEST(HistoryOf, FollowsAnExperienceOverVersionsWhateverTheOrderOfJobs) {
  v1::Job rejected = Committed(9, {{"experiences/1", 0.1}}, {});
  rejected.set_state(v1::JOB_STATE_REJECTED);
  const LearningHistory history = HistoryOf({Committed(2, {}, {{"experiences/1", 0.6}}), rejected,
                                             Committed(1, {{"experiences/1", 0.8}}, {})});

  ASSERT_EQ(history.size(), 1u);
  const std::vector<MeasuredEfficacy>& curve = history.at("experiences/1");
  ASSERT_EQ(curve.size(), 2u);
  EXPECT_EQ(curve[0].version, 1);
  EXPECT_EQ(curve[0].efficacy, 0.8);
  EXPECT_EQ(curve[1].version, 2);
}

TEST(NiceTicks, AreRoundAndCoverTheRange) {
  EXPECT_THAT(NiceTicks(0, 1, 5), ElementsAre(0, 0.2, 0.4, 0.6000000000000001, 0.8, 1));
  EXPECT_THAT(NiceTicks(0, 7, 4), ElementsAre(0, 2, 4, 6, 8));
}

TEST(LinePlot, SaysSoWhenThereIsNothing) {
  EXPECT_THAT(LinePlot({.title = "t", .x_label = "x", .y_min = {}, .y_max = {}}, {}),
              HasSubstr("nothing yet"));
}

TEST(LinePlot, OnePointIsDrawnWithoutDividingByZero) {
  const std::string plot = LinePlot({.title = "t", .x_label = "x", .y_min = {}, .y_max = {}},
                                    {{.name = "s", .points = {{1, 0.5}}, .bold = true}});
  EXPECT_THAT(plot, HasSubstr("<circle"));
  EXPECT_THAT(plot, Not(HasSubstr("nan")));
  EXPECT_THAT(plot, Not(HasSubstr("inf")));
}

TEST(ReportPage, ShowsWhatWaitsBesideAllThatWasLearned) {
  ReportData data;
  data.status.set_integrated(100000);
  EXPECT_THAT(MakeReportPage(data), HasSubstr("nothing waits"));
  data.status.set_queued(3);
  data.status.set_ready(2);
  data.status.mutable_oldest_waiting_age()->set_seconds(150);
  const std::string page = MakeReportPage(data);
  EXPECT_THAT(page, HasSubstr("the oldest for 2m30s"));
  EXPECT_THAT(page, HasSubstr("title=\"queued: 3\""));
  EXPECT_THAT(page, HasSubstr("title=\"waiting: 5\""));
}

TEST(ReportPage, TakesNoMarkupFromWhatOthersWrote) {
  ReportData data;
  data.status.set_model("tiny<b>");
  ProbeChange& change = data.answers.emplace_back();
  change.after.mutable_probe()->set_question("<script>alert(1)</script>");
  change.after.set_answer("\"'&");
  data.jobs.push_back(Committed(1, {{"experiences/1", 0.5}}, {}));
  data.jobs.back().set_state_reason("<img src=x>");

  const std::string page = MakeReportPage(data);

  EXPECT_THAT(page, Not(HasSubstr("<script>")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, HasSubstr("tiny&lt;b&gt;"));
  // It needs nothing from elsewhere.
  EXPECT_THAT(page, Not(HasSubstr("http")));
}

}  // namespace
}  // namespace imprint::client
