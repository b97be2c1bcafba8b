// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/page_token.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace imprint::rpc {
namespace {

using imprint::testing::HasCode;

TEST(PageTokenTest, GoesOnWhereThePageEnded) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(Page page, ParsePage("jobs", 10, MakePageToken("jobs", 42)));
  EXPECT_EQ(page.size, 10);
  EXPECT_EQ(page.position, 42);
}

TEST(PageTokenTest, FirstPageHasNoPosition) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(Page page, ParsePage("jobs", 0, ""));
  EXPECT_EQ(page.size, kDefaultPageSize);
  EXPECT_FALSE(page.position.has_value());
}

TEST(PageTokenTest, SizeIsBounded) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(Page page, ParsePage("jobs", 1000000, ""));
  EXPECT_EQ(page.size, kMaxPageSize);
  EXPECT_THAT(ParsePage("jobs", -1, ""), HasCode(absl::StatusCode::kInvalidArgument));
}

TEST(PageRoomTest, EndsWithTheSizeOrTheBytes) {
  PageRoom two(2);
  EXPECT_TRUE(two.Take(1));
  EXPECT_TRUE(two.Take(1));
  EXPECT_FALSE(two.Take(1));
  PageRoom many(1000);
  EXPECT_TRUE(many.Take(kMaxPageBytes - 1));
  EXPECT_FALSE(many.Take(2));
  EXPECT_TRUE(many.Take(1));
}

TEST(PageRoomTest, TakesOneHoweverLargeItIs) {
  PageRoom room(1000);
  EXPECT_TRUE(room.Take(3 * kMaxPageBytes));
  EXPECT_FALSE(room.Take(1));
}

TEST(PageTokenTest, RefusesWhatIsNotItsOwn) {
  for (const std::string& token : {std::string("x"), std::string("!!"), MakePageToken("probes/", 3),
                                   MakePageToken("jobs", 3).substr(0, 6),
                                   absl::WebSafeBase64Escape(absl::StrCat("jobs:", 3))}) {
    EXPECT_THAT(ParsePage("jobs", 0, token), HasCode(absl::StatusCode::kInvalidArgument)) << token;
  }
}

}  // namespace
}  // namespace imprint::rpc
