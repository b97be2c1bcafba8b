// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/top_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "client/cli/text_width.h"

namespace imprint::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TopView ViewAt(int seconds) {
  TopView view;
  view.time = absl::FromUnixSeconds(1'000'000 + seconds);
  view.server = "127.0.0.1:1";
  view.status.mutable_start_time()->set_seconds(1'000'000 - 90);
  view.status.set_model("tiny");
  view.status.set_version(2);
  view.status.set_output_tokens(int64_t{10} * seconds);
  view.status.set_queued(3);
  return view;
}

void Train(TopView& view, int step, double loss) {
  view.running.set_name("jobs/7");
  view.running.set_state(v1::JOB_STATE_TRAINING);
  v1::JobProgress& progress = *view.running.mutable_progress();
  progress.set_step(step);
  progress.set_total_steps(10);
  progress.set_loss(loss);
  progress.mutable_time_left()->set_seconds(75);
}

TEST(Sparkline, IsHighestForTheHighestAndAveragesWhatDoesNotFit) {
  EXPECT_EQ(Sparkline({8, 4, 0}, 10), "█▅▁");
  EXPECT_EQ(Sparkline({8, 8, 0, 0}, 2), "█▁");
  EXPECT_EQ(Sparkline({0, 0}, 5), "▁▁");
  EXPECT_EQ(Sparkline({}, 5), "");
}

TEST(TopHistory, RatesAreOverTheLastLooks) {
  TopHistory history;
  history.Observe(ViewAt(0));
  EXPECT_EQ(history.OutputRate(), std::nullopt);
  history.Observe(ViewAt(2));
  ASSERT_TRUE(history.OutputRate().has_value());
  EXPECT_DOUBLE_EQ(*history.OutputRate(), 10);
}

TEST(TopHistory, ServerThatCountsFromZeroAgainHasNoNegativeRate) {
  TopHistory history;
  history.Observe(ViewAt(5));
  TopView restarted = ViewAt(6);
  restarted.status.set_output_tokens(0);
  history.Observe(restarted);
  EXPECT_EQ(history.OutputRate(), 0);
}

TEST(TopHistory, LossIsOfTheRunningJobAndOfEachStepOnce) {
  TopHistory history;
  TopView view = ViewAt(0);
  Train(view, 1, 2.0);
  history.Observe(view);
  history.Observe(view);
  Train(view, 2, 1.5);
  history.Observe(view);
  EXPECT_THAT(history.losses(), ElementsAre(2.0, 1.5));
  view.running.set_name("jobs/8");
  Train(view, 0, 0);
  view.running.set_name("jobs/8");
  history.Observe(view);
  EXPECT_THAT(history.losses(), IsEmpty());
}

TEST(DrawTop, ShowsQueueJobAndLoss) {
  TopHistory history;
  TopView view = ViewAt(0);
  Train(view, 1, 2.0);
  history.Observe(view);
  Train(view, 5, 1.0);
  history.Observe(view);

  const std::string screen = DrawTop(view, history, 100, 30, /*colours=*/false);

  EXPECT_THAT(screen, HasSubstr("3 queued"));
  EXPECT_THAT(screen, HasSubstr("jobs/7 step 5/10"));
  EXPECT_THAT(screen, HasSubstr("1:15 left"));
  EXPECT_THAT(screen, HasSubstr("2.00 -> 1.00 nats, on the rest"));
  EXPECT_THAT(screen, Not(HasSubstr("\033")));
}

// It said "0 tokens/s", whatever the load.
TEST(DrawTop, OneLookHasNoRate) {
  TopHistory history;
  history.Observe(ViewAt(0));
  EXPECT_THAT(DrawTop(ViewAt(0), history, 100, 30, /*colours=*/false), HasSubstr("; - tokens/s"));
  history.Observe(ViewAt(2));
  EXPECT_THAT(DrawTop(ViewAt(2), history, 100, 30, /*colours=*/false), HasSubstr("; 10 tokens/s"));
}

TEST(DrawTop, SaysWhereItBeganToLookAtTheLoss) {
  TopHistory history;
  TopView view = ViewAt(0);
  Train(view, 4, 2.0);
  history.Observe(view);
  Train(view, 5, 1.0);
  history.Observe(view);
  EXPECT_THAT(DrawTop(view, history, 100, 30, /*colours=*/false),
              HasSubstr("2.00 -> 1.00 nats since step 4"));
}

TEST(DrawTop, NeverExceedsTheTerminal) {
  TopHistory history;
  TopView view = ViewAt(0);
  Train(view, 1, 2.0);
  history.Observe(view);
  Train(view, 2, 1.0);
  history.Observe(view);
  for (int i = 0; i < 20; ++i) {
    view.versions.emplace_back().set_number(i);
    view.jobs.emplace_back().set_state_reason("a reason \033[2J that is long: " +
                                              std::string(200, 'x'));
  }
  for (const size_t width : {20, 60, 200}) {
    for (const size_t height : {3, 10, 24, 60}) {
      const std::string screen = DrawTop(view, history, width, height, /*colours=*/false);
      std::vector<std::string> lines = absl::StrSplit(screen, '\n');
      EXPECT_LE(lines.size() - 1, height);
      for (const std::string& line : lines) EXPECT_LE(DisplayWidth(line), width) << line;
      EXPECT_THAT(screen, Not(HasSubstr("\033")));
    }
  }
}

}  // namespace
}  // namespace imprint::client
