// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/stop_matcher.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace imprint::engine {
namespace {

// What comes out when `text` is cut into pieces of `size` bytes.
std::pair<std::string, bool> Feed(const std::vector<std::string>& stop, const std::string& text,
                                  size_t size) {
  StopMatcher matcher(stop);
  std::string out;
  for (size_t i = 0; i < text.size(); i += size) out += matcher.Push(text.substr(i, size));
  out += matcher.Flush();
  return {out, matcher.stopped()};
}

TEST(StopMatcherTest, WithoutStopStringsEverythingPassesAtOnce) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.Push("abc"), "abc");
  EXPECT_EQ(matcher.Flush(), "");
  EXPECT_FALSE(matcher.stopped());
}

TEST(StopMatcherTest, EmptyStopStringsAreIgnored) {
  StopMatcher matcher({"", ""});
  EXPECT_EQ(matcher.Push("abc"), "abc");
  EXPECT_FALSE(matcher.stopped());
}

TEST(StopMatcherTest, HoldsBackWhatMayBeTheBeginning) {
  StopMatcher matcher({"\n\nUser:"});
  EXPECT_EQ(matcher.Push("Yes.\n"), "Yes.");
  EXPECT_EQ(matcher.Push("\nUs"), "");
  EXPECT_EQ(matcher.Push("ually"), "\n\nUsually");
  EXPECT_FALSE(matcher.stopped());
}

TEST(StopMatcherTest, FlushGivesWhatWasHeldBack) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.Push("the EN"), "the ");
  EXPECT_EQ(matcher.Flush(), "EN");
  EXPECT_EQ(matcher.Flush(), "");
}

TEST(StopMatcherTest, NothingAfterTheMatchComesOut) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.Push("the END of"), "the ");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.Push("more"), "");
  EXPECT_EQ(matcher.Flush(), "");
}

TEST(StopMatcherTest, HowTheTextIsCutDoesNotMatter) {
  const std::vector<std::vector<std::string>> stops = {
      {"aab"}, {"abab"}, {"abcd", "bc"}, {"b", "ab"}, {"aaa", "aa"}, {"zz"}, {"cab", "abca"}};
  const std::vector<std::string> texts = {"aaab",   "abaabab",    "xabcdx", "aaaa",
                                          "ccabca", "no match z", "ab"};
  for (const auto& stop : stops) {
    for (const std::string& text : texts) {
      const auto expected = Feed(stop, text, 1);
      for (size_t size = 2; size <= text.size(); ++size) {
        EXPECT_EQ(Feed(stop, text, size), expected) << stop[0] << " in " << text << " by " << size;
      }
    }
  }
}

TEST(StopMatcherTest, SelfOverlappingBeginningIsFound) {
  EXPECT_EQ(Feed({"aab"}, "aaab", 1), std::make_pair(std::string("a"), true));
  EXPECT_EQ(Feed({"abab"}, "abaabab", 1), std::make_pair(std::string("aba"), true));
}

TEST(StopMatcherTest, CharactersStayWhole) {
  StopMatcher matcher({"é!"});
  EXPECT_EQ(matcher.Push("café"), "caf");
  EXPECT_EQ(matcher.Push("s"), "és");
}

}  // namespace
}  // namespace imprint::engine
