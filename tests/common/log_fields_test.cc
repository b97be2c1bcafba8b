// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/log_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>

#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"

namespace imprint {
namespace {

// Puts a logger of its own in place of the default one.
class LogFieldsTest : public ::testing::Test {
 protected:
  LogFieldsTest() {
    auto logger = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_st>(out_));
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
  }
  ~LogFieldsTest() override { spdlog::set_default_logger(before_); }

  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream out_;
};

TEST_F(LogFieldsTest, FollowTheMessageInText) {
  LogWithFields(spdlog::level::info, "job phase", {{"phase", "train"}, {"seconds", 1.5}});
  EXPECT_EQ(out_.str(), "job phase phase=train seconds=1.500000\n");
  EXPECT_EQ(CurrentLine(), nullptr);
}

TEST_F(LogFieldsTest, ABraceInAFieldIsNoPlaceholder) {
  LogWithFields(spdlog::level::info, "request", {{"request_id", "{0}"}});
  EXPECT_EQ(out_.str(), "request request_id={0}\n");
}

TEST_F(LogFieldsTest, AValuePosesAsNoFieldInText) {
  LogWithFields(spdlog::level::info, "admin act",
                {{"target", "versions/1 code=OK"}, {"code", "NOT_FOUND"}});
  LogWithFields(spdlog::level::info, "admin act", {{"target", "a\"b\n\\"}, {"code", ""}});
  LogWithFields(spdlog::level::info, "admin act", {{"target", "a=b"}, {"code", "c\\n"}});
  EXPECT_EQ(out_.str(),
            "admin act target=\"versions/1 code=OK\" code=NOT_FOUND\n"
            "admin act target=\"a\\\"b\\n\\\\\" code=\n"
            "admin act target=\"a=b\" code=c\\n\n");
}

TEST_F(LogFieldsTest, NothingBelowTheLevel) {
  LogWithFields(spdlog::level::debug, "request", {{"method", "Query"}});
  EXPECT_EQ(out_.str(), "");
}

}  // namespace
}  // namespace imprint
