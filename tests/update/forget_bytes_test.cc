// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// With real gradients: what is left after forgetting is, byte for byte, what is trained where
// the experience never was.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file_util.h"
#include "server/model/device.h"
#include "server/update/distiller.h"
#include "server/update/updater.h"
#include "tests/update/updater_fixture.h"

namespace imprint::update {
namespace {

constexpr auto kCommitted = store::STORED_JOB_STATE_COMMITTED;

// Two sentences of experience number `content`, wherever it is in the log.
std::vector<store::TargetRecord> Sentences(int content) {
  std::vector<store::TargetRecord> sentences;
  for (int i = 0; i < 6; ++i) {
    store::TargetRecord& sentence = sentences.emplace_back();
    store::TeacherRows rows{.k = 2, .ids = {}, .log_probs = {}};
    for (int token = 0; token < 4; ++token) {
      sentence.add_student_prompt_ids(1 + (content * 17 + i * 5 + token) % 90);
      const int32_t id = 1 + (content * 29 + i * 7 + token * 3) % 90;
      sentence.add_target_ids(id);
      rows.ids.insert(rows.ids.end(), {id, id + 1});
      rows.log_probs.insert(rows.log_probs.end(), {std::log(0.9F), std::log(0.05F)});
    }
    store::PackTeacher(rows, sentence);
  }
  return sentences;
}

class ForgetBytesTest : public ::testing::Test {
 protected:
  ForgetBytesTest()
      : base_(testing::RandomWeights(testing::TinyConfig(), 1, testing::TestPlacement("f32"))) {
    model::SetComputeThreads(1);
    DistillerOptions options;
    options.rank = 4;
    options.min_steps = 12;
    distiller_ = std::make_unique<Distiller>(options, base_, nullptr);
  }

  std::unique_ptr<Server> StartIn(const std::string& folder) {
    auto server = std::make_unique<Server>(temp_ / folder, base_);
    server->train_ = [this](const model::Adapter* start, const DistillInput& input,
                            const auto& progress, const auto& cancelled) {
      return distiller_->Train(start, input, progress, cancelled);
    };
    IMPRINT_EXPECT_OK(server->Start());
    return server;
  }

  // One job of these experiences, which have no probes: the gate lets them pass.
  static std::vector<int64_t> Learn(Server& server, const std::vector<int>& contents) {
    std::vector<int64_t> sequences;
    for (const int content : contents) {
      sequences.push_back(server.Append());
      IMPRINT_EXPECT_OK(server.log_->StoreTargets(sequences.back(), Sentences(content), {}));
    }
    IMPRINT_EXPECT_OK(server.updater_->RunNow());
    EXPECT_TRUE(Eventually([&] {
      return server.StateOf(sequences.back()) == store::STORED_STATE_INTEGRATED &&
             !server.updater_->running().has_value();
    }));
    return sequences;
  }

  static void Forget(Server& server, int64_t sequence) {
    IMPRINT_EXPECT_OK(server.updater_->Forget({.sequence = sequence}));
    EXPECT_TRUE(Eventually([&] {
      const auto forgetting = server.updater_->forgetting();
      return forgetting.ok() && forgetting->in_weights == 0 && !forgetting->in_files;
    }));
  }

  // What the current version's weights are on disk.
  std::string BytesOf(const Server& server, const std::string& folder) {
    std::string name = std::to_string(server.versions_->current()->number);
    name.insert(0, 8 - name.size(), '0');
    const auto bytes = ReadFile(temp_ / folder / "versions" / name / "delta-0.safetensors");
    IMPRINT_EXPECT_OK(bytes);
    return bytes.value_or("");
  }

  const testing::TempDir temp_;
  const std::shared_ptr<const model::Weights> base_;
  std::unique_ptr<Distiller> distiller_;
};

TEST_F(ForgetBytesTest, ForgettingTheFirstLeavesWhatTheBaseBecomesWithoutIt) {
  const std::unique_ptr<Server> held = StartIn("held");
  const int64_t forgotten = Learn(*held, {1})[0];
  Learn(*held, {2});
  Learn(*held, {3});
  const std::unique_ptr<Server> never = StartIn("never");
  Learn(*never, {2, 3});
  ASSERT_NE(BytesOf(*held, "held"), BytesOf(*never, "never"));

  Forget(*held, forgotten);

  EXPECT_EQ(held->versions_->current()->parent, 0);
  EXPECT_EQ(BytesOf(*held, "held"), BytesOf(*never, "never"));
}

TEST_F(ForgetBytesTest, ForgettingOneInBetweenLeavesWhatTheAnchorBecomesWithoutIt) {
  const std::unique_ptr<Server> held = StartIn("held");
  Learn(*held, {1, 2, 3});
  const int64_t forgotten = Learn(*held, {4})[0];
  Learn(*held, {5});
  Learn(*held, {6});
  // There, the log and the numbers of versions are others, the anchor and what follows not.
  const std::unique_ptr<Server> never = StartIn("never");
  Learn(*never, {1, 2, 3});
  Learn(*never, {5, 6});

  Forget(*held, forgotten);

  EXPECT_EQ(held->versions_->current()->parent, 1);
  EXPECT_FALSE(BytesOf(*held, "held").empty());
  EXPECT_EQ(BytesOf(*held, "held"), BytesOf(*never, "never"));
}

TEST_F(ForgetBytesTest, ForgettingTwiceIsForgettingBoth) {
  const std::unique_ptr<Server> held = StartIn("held");
  const int64_t first = Learn(*held, {1})[0];
  Learn(*held, {2});
  const int64_t third = Learn(*held, {3})[0];
  const std::unique_ptr<Server> never = StartIn("never");
  Learn(*never, {2});

  Forget(*held, first);
  Forget(*held, third);

  EXPECT_EQ(BytesOf(*held, "held"), BytesOf(*never, "never"));
}

}  // namespace
}  // namespace imprint::update
