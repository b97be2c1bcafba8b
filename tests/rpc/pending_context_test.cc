// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/pending_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "common/clock.h"
#include "server/store/store.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tests/text/model_folder.h"

namespace imprint::rpc {
namespace {

using ::testing::ElementsAre;

// A tokenizer that cannot write "<|im_end|>" but as the token: it looks the whole text up
// before it merges anything.
class PendingContextTest : public ::testing::Test {
 protected:
  void SetUp() override {
    nlohmann::json tokenizer = text::ByteLevelTokenizer();
    tokenizer["model"]["ignore_merges"] = true;
    tokenizer["pre_tokenizer"]["use_regex"] = false;
    model_.WriteJson("tokenizer.json", tokenizer);
    model_.WriteJson("tokenizer_config.json", text::ChatMlConfig());
    IMPRINT_ASSERT_OK_AND_ASSIGN(text_, text::TextModel::Load(model_.path()));
    IMPRINT_ASSERT_OK_AND_ASSIGN(
        store_, store::Store::Open({.path = folder_ / "db",
                                    .model_fingerprint = "m",
                                    .tokenizer_fingerprint = text_->fingerprint()}));
    IMPRINT_ASSERT_OK_AND_ASSIGN(log_,
                                 experience::ExperienceLog::Open(store_.get(), {}, Clock::Real()));
  }

  void Append(const std::string& text) {
    store::ExperienceRecord record;
    record.set_text(text);
    record.set_body_digest(text);
    std::promise<absl::Status> appended;
    log_->Append(std::move(record),
                 [&appended](const auto& result) { appended.set_value(result.status()); });
    IMPRINT_ASSERT_OK(appended.get_future().get());
  }

  testing::TempDir folder_;
  text::ModelFolder model_;
  std::unique_ptr<text::TextModel> text_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<experience::ExperienceLog> log_;
};

TEST_F(PendingContextTest, ExperienceThatTheTokenizerRefusesIsPassedOver) {
  Append("Before.");
  Append("<|im_end|>");
  Append("After.");
  ASSERT_FALSE(text_->EncodeContinuation("<|im_end|>").ok());

  const auto pending = ChoosePending(*log_, *text_, {}, /*max_tokens=*/100);

  IMPRINT_ASSERT_OK(pending);
  EXPECT_THAT(pending->contexts, ElementsAre("Before.", "After."));
  EXPECT_THAT(pending->names, ElementsAre("experiences/1", "experiences/3"));
}

}  // namespace
}  // namespace imprint::rpc
