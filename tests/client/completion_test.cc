// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imprint::client {
namespace {

using ::testing::HasSubstr;

class CompletionTest : public ::testing::Test {
 protected:
  CompletionTest() {
    app_.add_option("--server", server_, "where it's listening");
    CLI::App* jobs = app_.add_subcommand("jobs", "update jobs");
    CLI::App* list = jobs->add_subcommand("list", "all");
    list->add_option("--limit", limit_, "at most");
    list->add_option("name", name_, "positional");
  }

  CLI::App app_{"about", "imprint"};
  std::string server_, name_;
  int limit_ = 0;
};

TEST_F(CompletionTest, BashKnowsVerbsFlagsAndGlobalFlagsAtEachPlace) {
  const std::string script = BashCompletion(app_);

  EXPECT_THAT(script, HasSubstr("'imprint') words='jobs --help --server'"));
  EXPECT_THAT(script, HasSubstr("'imprint jobs list') words='--help --limit --help --server'"));
  EXPECT_THAT(script, HasSubstr("complete -o default -F _imprint imprint"));
}

TEST_F(CompletionTest, FishQuotesDescriptions) {
  const std::string script = FishCompletion(app_);

  EXPECT_THAT(script, HasSubstr("-l server -r -d 'where it\\'s listening'"));
  EXPECT_THAT(script, HasSubstr("__fish_seen_subcommand_from jobs; and "
                                "not __fish_seen_subcommand_from list' -a list"));
}

}  // namespace
}  // namespace imprint::client
