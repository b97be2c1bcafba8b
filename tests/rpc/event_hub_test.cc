// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/event_hub.h"

#include <cstdint>
#include <limits>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace imprint::rpc {
namespace {

using imprint::testing::HasCode;
using imprint::testing::IsError;
using ::testing::HasSubstr;

v1::Event JobEvent(const char* name) {
  v1::Event event;
  event.mutable_job()->set_name(name);
  return event;
}

class CountingListener : public EventHub::Listener {
 public:
  void Wake() override { ++wakes; }
  int wakes = 0;
};

class EventHubTest : public ::testing::Test {
 protected:
  fakes::FakeClock clock_;
  EventHub hub_{&clock_, /*capacity=*/3};
};

TEST_F(EventHubTest, GivesEventsInOrderWithIdsAndTimes) {
  hub_.Publish(JobEvent("jobs/1"));
  clock_.Advance(absl::Seconds(5));
  hub_.Publish(JobEvent("jobs/2"));
  IMPRINT_ASSERT_OK_AND_ASSIGN(EventHub::Entry first, hub_.After(0));
  IMPRINT_ASSERT_OK_AND_ASSIGN(EventHub::Entry second, hub_.After(1));
  EXPECT_EQ(first->event().id(), 1);
  EXPECT_EQ(first->event().job().name(), "jobs/1");
  EXPECT_EQ(second->event().id(), 2);
  EXPECT_EQ(second->event().time().seconds() - first->event().time().seconds(), 5);
}

TEST_F(EventHubTest, NothingYetIsNull) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(EventHub::Entry none, hub_.After(0));
  EXPECT_EQ(none, nullptr);
}

TEST_F(EventHubTest, SlowReaderIsToldThatItFellOut) {
  for (int i = 0; i < 4; ++i) hub_.Publish(JobEvent("jobs/1"));
  EXPECT_THAT(hub_.After(0), HasCode(absl::StatusCode::kOutOfRange));
  IMPRINT_ASSERT_OK_AND_ASSIGN(EventHub::Entry oldest, hub_.After(1));
  EXPECT_EQ(oldest->event().id(), 2);
}

TEST_F(EventHubTest, IdOfAnEarlierRunIsRefused) {
  hub_.Publish(JobEvent("jobs/1"));
  EXPECT_THAT(hub_.After(7), HasCode(absl::StatusCode::kOutOfRange));
}

// One more than that is no number.
TEST_F(EventHubTest, LargestIdIsRefused) {
  hub_.Publish(JobEvent("jobs/1"));
  EXPECT_THAT(
      hub_.After(std::numeric_limits<int64_t>::max()),
      IsError(absl::StatusCode::kOutOfRange, HasSubstr("the event after 9223372036854775807")));
}

TEST_F(EventHubTest, WakesListenersAsLongAsTheyLive) {
  auto listener = std::make_shared<CountingListener>();
  hub_.Listen(listener);
  hub_.Publish(JobEvent("jobs/1"));
  EXPECT_EQ(listener->wakes, 1);
  const std::weak_ptr<CountingListener> gone = listener;
  listener.reset();
  EXPECT_TRUE(gone.expired());
  hub_.Publish(JobEvent("jobs/2"));
}

TEST_F(EventHubTest, CloseWakesAndEnds) {
  auto listener = std::make_shared<CountingListener>();
  hub_.Listen(listener);
  hub_.Publish(JobEvent("jobs/1"));
  hub_.Close();
  EXPECT_EQ(listener->wakes, 2);
  EXPECT_THAT(hub_.After(0), HasCode(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace imprint::rpc
