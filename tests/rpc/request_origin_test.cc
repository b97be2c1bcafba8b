// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/request_origin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace imprint::rpc {
namespace {

using ::testing::MatchesRegex;

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";

TEST(RequestId, IsTheCallersWhereItFitsIntoALine) {
  EXPECT_EQ(RequestId("order-7/a:b.c_d+e=f@g"), "order-7/a:b.c_d+e=f@g");
  EXPECT_EQ(RequestId(std::string(128, 'x')), std::string(128, 'x'));
}

TEST(RequestId, IsMadeUpOtherwise) {
  for (const std::string& given : {std::string(), std::string("a b"), std::string("a\nb"),
                                   std::string("\""), std::string(129, 'x')}) {
    EXPECT_THAT(RequestId(given), MatchesRegex("[0-9a-f]{16}")) << given;
  }
  EXPECT_NE(RequestId(""), RequestId(""));
}

TEST(TraceId, OfAValidHeader) {
  EXPECT_EQ(TraceId("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), kTrace);
  // Of a later version what is known is taken.
  EXPECT_EQ(TraceId("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), kTrace);
  EXPECT_EQ(TraceId("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"), kTrace);
}

TEST(TraceId, IsEmptyForAnInvalidOne) {
  for (const char* header : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",          // cut
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",  // too long
           "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
       }) {
    EXPECT_EQ(TraceId(header), "") << header;
  }
}

}  // namespace
}  // namespace imprint::rpc
