// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/distiller.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/model/network.h"
#include "server/model/weights.h"
#include "server/store/teacher_codec.h"
#include "server/update/frozen_states.h"
#include "server/update/training_memory.h"
#include "server/update/used_directions.h"
#include "tests/fakes/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_device.h"
#include "tests/testing/tiny_model.h"

namespace imprint::update {
namespace {

using ::testing::HasSubstr;
using Ids = std::vector<int32_t>;

constexpr int kTopK = 8;

std::shared_ptr<const model::Weights> Base() {
  static const std::shared_ptr<const model::Weights> base = [] {
    return model::LoadWeights(testing::kTinyChatDir, testing::TestPlacement("f32")).value();
  }();
  return base;
}

store::TargetRecord Record(const Ids& prompt, const Ids& target) {
  store::TargetRecord record;
  record.set_kind("test");
  record.mutable_student_prompt_ids()->Assign(prompt.begin(), prompt.end());
  record.mutable_target_ids()->Assign(target.begin(), target.end());
  return record;
}

// A teacher that is sure of the target.
store::TargetRecord SureTarget(const Ids& prompt, const Ids& target, int k = kTopK) {
  store::TargetRecord record = Record(prompt, target);
  store::TeacherRows rows{k, {}, {}};
  for (const int32_t id : target) {
    for (int j = 0; j < k; ++j) {
      rows.ids.push_back((id + j) % 512);
      rows.log_probs.push_back(std::log(j == 0 ? 0.9F : 0.05F / static_cast<float>(k)));
    }
  }
  store::PackTeacher(rows, record);
  return record;
}

// The base model itself is the teacher, as for retention text.
store::TargetRecord BaseTarget(const Ids& prompt, const Ids& target) {
  const at::NoGradGuard no_grad;
  store::TargetRecord record = Record(prompt, target);
  Ids tokens = prompt;
  tokens.insert(tokens.end(), target.begin(), target.end() - 1);
  const model::Segment all{.begin = 0, .length = static_cast<int64_t>(tokens.size())};
  const at::Tensor hidden = model::Network::Forward(*Base(), tokens, {all});
  const at::Tensor logits =
      model::Network::Logits(*Base(), hidden.narrow(0, static_cast<int64_t>(prompt.size()) - 1,
                                                    static_cast<int64_t>(target.size())));
  const auto [log_probs, ids] = at::log_softmax(logits, 1).topk(kTopK, 1);
  store::TeacherRows rows{kTopK, {}, {}};
  for (int64_t i = 0; i < ids.numel(); ++i) {
    rows.ids.push_back(static_cast<int32_t>(ids.view(-1)[i].item<int64_t>()));
    rows.log_probs.push_back(log_probs.view(-1)[i].item<float>());
  }
  store::PackTeacher(rows, record);
  return record;
}

Ids Tokens(int seed, int count) {
  Ids ids;
  for (int i = 0; i < count; ++i) ids.push_back(3 + (seed * 131 + i * 71 + i * i * 7) % 500);
  return ids;
}

Ids WithSystemPrompt(const Ids& ids) {
  Ids prompt = Tokens(99, 12);
  prompt.insert(prompt.end(), ids.begin(), ids.end());
  return prompt;
}

std::vector<const store::TargetRecord*> Pointers(const std::vector<store::TargetRecord>& records) {
  std::vector<const store::TargetRecord*> pointers;
  for (const store::TargetRecord& record : records) pointers.push_back(&record);
  return pointers;
}

bool SameBytes(const model::Adapter& a, const model::Adapter& b) {
  const std::vector<at::Tensor> left = a.Parameters(), right = b.Parameters();
  for (size_t i = 0; i < left.size(); ++i) {
    if (!at::equal(left[i], right[i])) return false;
  }
  return true;
}

class DistillerTest : public ::testing::Test {
 protected:
  DistillerTest() {
    for (int i = 0; i < 12; ++i) {
      targets_.push_back(SureTarget(WithSystemPrompt(Tokens(i, 6)), Tokens(i + 50, 5)));
    }
    for (int i = 0; i < 6; ++i) retention_.push_back(BaseTarget({1}, Tokens(i + 200, 20)));
    // Small products: threads would only wait for one another.
    model::SetComputeThreads(1);
    options_.upper_blocks = 1;  // the model has two or three
    options_.rank = 8;
    options_.alpha = 16;
    options_.learning_rate = 1e-2;
    options_.batch_tokens = 128;
    options_.max_epochs = 30;
  }

  DistillInput Input() const { return {Pointers(targets_), {}, Pointers(retention_)}; }

  absl::StatusOr<DistillResult> Train(const DistillInput& input,
                                      const model::Adapter* start = nullptr,
                                      engine::ComputeShare* share = nullptr) {
    progress_.clear();
    return Distiller(options_, Base(), share)
        .Train(start, input, [this](const DistillProgress& step) { progress_.push_back(step); },
               {});
  }

  DistillerOptions options_;
  std::vector<store::TargetRecord> targets_;
  std::vector<store::TargetRecord> retention_;
  std::vector<DistillProgress> progress_;
};

TEST_F(DistillerTest, LearnsTargetsAndKeepsTheRest) {
  const auto result = Train(Input());
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_GT(progress_.size(), 4U);
  EXPECT_LT(progress_.front().retention_loss, 1e-4) << "a fresh adapter changes nothing";
  EXPECT_LT(result->last.loss, 0.3 * progress_.front().loss);

  DistillInput without = Input();
  without.retention.clear();
  const auto careless = Train(without);
  ASSERT_TRUE(careless.ok()) << careless.status();
  // How far each went from the base on the retention text: as targets that are never learned.
  options_.max_epochs = 1;
  options_.learning_rate = 0;
  const DistillInput measure{Pointers(retention_), {}, {}};
  const double kept = Train(measure, result->adapter.get())->last.loss;
  const double lost = Train(measure, careless->adapter.get())->last.loss;
  EXPECT_LT(kept, 0.5 * lost);
}

TEST_F(DistillerTest, ASmallJobThatGoesOnIsHeldByAsManyTextsAsThereAre) {
  const auto learned = Train(Input());
  ASSERT_TRUE(learned.ok()) << learned.status();
  options_.max_epochs = 1;
  options_.min_steps = 0;
  options_.retention_share = 1e-9;
  options_.min_retention_tokens = 0;
  ASSERT_TRUE(Train(Input(), learned->adapter.get()).ok());
  const int64_t without = progress_.back().tokens;
  options_.min_retention_tokens = 1'000'000;
  ASSERT_TRUE(Train(Input(), learned->adapter.get()).ok());

  // Once each, however many tokens are wanted.
  size_t retention = 0;
  for (const store::TargetRecord& text : retention_) {
    retention += static_cast<size_t>(text.student_prompt_ids_size() + text.target_ids_size());
  }
  const int64_t added = progress_.back().tokens - without;
  EXPECT_GT(added, static_cast<int64_t>(retention) / 2) << "prompts that are shared count once";
  EXPECT_LE(added, static_cast<int64_t>(retention)) << "each text once in the pass";
}

TEST_F(DistillerTest, GoesOnFromAnAdapterInSmallerSteps) {
  options_.max_epochs = 2;
  const auto first = Train(Input());
  ASSERT_TRUE(first.ok());
  const auto moved = [&](double continue_rate) {
    options_.continue_rate = continue_rate;
    const auto second = Train(Input(), first->adapter.get());
    EXPECT_TRUE(second.ok()) << second.status();
    double sum = 0;
    const auto before = first->adapter->Parameters(), after = second->adapter->Parameters();
    for (size_t i = 0; i < before.size(); ++i) {
      sum += (after[i] - before[i]).abs().sum().item<double>();
    }
    return sum;
  };
  EXPECT_LT(moved(0.1), 0.5 * moved(1));
}

TEST_F(DistillerTest, LowerBlocksStayAsTheyAre) {
  options_.max_epochs = 1;
  options_.upper_blocks = 0.5;
  const int64_t layers = Base()->config.layers;
  const auto result = Train(Input());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->adapter->first_layer, layers - std::lround(0.5 * static_cast<double>(layers)));
  const auto merged = model::Merge(Base(), {result->adapter.get()});
  EXPECT_TRUE(merged->layers.front().gate_up.is_same(Base()->layers.front().gate_up));
  EXPECT_FALSE(at::equal(merged->layers.back().gate_up, Base()->layers.back().gate_up));

  options_.upper_blocks = 0;
  const auto last = Train(Input());
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->adapter->first_layer, layers - 1) << "at least one block is";
}

// What they make of a sentence is held from one pass to the next, for some or all sentences or
// none.
TEST_F(DistillerTest, FrozenBlocksTeachTheSameHeldOrNot) {
  options_.max_epochs = 5;
  options_.upper_blocks = 0.5;
  const int64_t some = FrozenStates::BytesOf(Base()->config, 60);
  std::vector<DistillResult> results;
  for (const int64_t bytes : {options_.frozen_bytes, options_.frozen_bytes, some, int64_t{0}}) {
    options_.frozen_bytes = bytes;
    const auto result = Train(Input());
    ASSERT_TRUE(result.ok()) << result.status();
    results.push_back(*result);
  }
  EXPECT_TRUE(SameBytes(*results[0].adapter, *results[1].adapter));
  for (const DistillResult& result : results) {
    EXPECT_EQ(result.last.step, results[0].last.step);
    EXPECT_NEAR(result.last.loss, results[0].last.loss, 0.02 * results[0].last.loss);
  }
}

TEST_F(DistillerTest, NothingChangesAlongWhatRetentionTextUses) {
  std::vector<PackItem> items;
  std::vector<TrainingSentence> texts;
  for (const store::TargetRecord& text : retention_) {
    texts.push_back(MakeTrainingSentence(text, Base()->config).value());
    items.push_back(texts.back().item);
  }
  options_.protected_share = 0.25;
  options_.max_epochs = 2;
  const auto used =
      UsedDirections::Measure(*Base(), items, 0, options_.protected_share, nullptr, {}).value();
  const auto most = [&](const model::Adapter& adapter) {
    double greatest = 0;
    for (const auto& maps : used->Along(adapter)) {
      for (const at::Tensor& along : maps) {
        greatest = std::max(greatest, along.abs().max().item<double>());
      }
    }
    return greatest;
  };

  const auto held = Train(Input());
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_LT(most(*held->adapter), 1e-4);

  options_.protected_share = 0;
  const auto free = Train(Input());
  ASSERT_TRUE(free.ok()) << free.status();
  EXPECT_GT(most(*free->adapter), 1e-2);

  // One that was begun without protection goes on with what it has learned.
  options_.protected_share = 0.25;
  const auto goes_on = Train(Input(), free->adapter.get());
  ASSERT_TRUE(goes_on.ok()) << goes_on.status();
  const MapTensors before = used->Along(*free->adapter), after = used->Along(*goes_on->adapter);
  for (size_t layer = 0; layer < before.size(); ++layer) {
    for (size_t map = 0; map < model::kLinearsPerLayer; ++map) {
      EXPECT_TRUE(at::allclose(after[layer][map], before[layer][map], 1e-3, 1e-4));
    }
  }
  EXPECT_FALSE(SameBytes(*free->adapter, *goes_on->adapter));
}

TEST_F(DistillerTest, OrdinaryFineTuningIsNotHeld) {
  options_.objective = Objective::kNextToken;
  options_.max_epochs = 2;
  options_.protected_share = 0.5;
  const auto one = Train(Input());
  options_.protected_share = 0;
  const auto other = Train(Input());
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_TRUE(SameBytes(*one->adapter, *other->adapter));
}

TEST_F(DistillerTest, ReportsProgress) {
  options_.max_epochs = 3;
  options_.learned_kl = 0;
  const auto result = Train(Input());
  ASSERT_TRUE(result.ok()) << result.status();
  for (size_t i = 0; i < progress_.size(); ++i) {
    EXPECT_EQ(progress_[i].step, static_cast<int>(i) + 1);
    EXPECT_EQ(progress_[i].total_steps, static_cast<int>(progress_.size()));
    EXPECT_GT(progress_[i].tokens, i == 0 ? 0 : progress_[i - 1].tokens);
  }
  EXPECT_EQ(result->last.step, progress_.back().step);
}

TEST_F(DistillerTest, SameInputSameBytes) {
  options_.max_epochs = 5;
  const auto first = Train(Input());
  const auto second = Train(Input());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_TRUE(SameBytes(*first->adapter, *second->adapter));
  EXPECT_EQ(first->last.loss, second->last.loss);
  options_.seed = 2;
  EXPECT_FALSE(SameBytes(*first->adapter, *Train(Input())->adapter));
}

TEST_F(DistillerTest, PartsSideBySideAddUpToTheStep) {
  options_.batch_tokens = 256;  // enough for two parts
  options_.max_epochs = 2;
  const auto whole = Train(Input());
  const std::vector<DistillProgress> of_whole = progress_;
  model::SetComputeThreads(2);
  const auto parts = Train(Input());
  const auto again = Train(Input());
  ASSERT_TRUE(whole.ok() && parts.ok() && again.ok());

  ASSERT_EQ(progress_.size(), of_whole.size());
  for (size_t i = 0; i < progress_.size(); ++i) {
    EXPECT_NEAR(progress_[i].loss, of_whole[i].loss, 1e-3 * of_whole[i].loss) << "step " << i;
    EXPECT_NEAR(progress_[i].retention_loss, of_whole[i].retention_loss, 1e-3) << "step " << i;
  }
  EXPECT_GT(progress_[0].tokens, of_whole[0].tokens) << "the system prompt is in each part";
  EXPECT_TRUE(SameBytes(*parts->adapter, *again->adapter));
}

TEST_F(DistillerTest, YieldingDoesNotChangeTheBytes) {
  model::SetComputeThreads(2);
  options_.batch_tokens = 256;
  options_.max_epochs = 2;
  options_.min_steps = 4;
  const auto alone = Train(Input());
  engine::ComputeShare share(0.5);
  std::atomic<bool> done{false};
  std::thread serving([&] {
    while (!done) {
      // Serving that takes no time would earn training none.
      share.BeginServing();
      absl::SleepFor(absl::Microseconds(200));
      share.EndServing();
      absl::SleepFor(absl::Microseconds(200));
    }
  });
  const auto shared = Train(Input(), nullptr, &share);
  done = true;
  serving.join();
  ASSERT_TRUE(alone.ok() && shared.ok());
  EXPECT_TRUE(SameBytes(*alone->adapter, *shared->adapter));
}

TEST_F(DistillerTest, TrainsWithLowPriorityUnlessToldOtherwise) {
  options_.max_steps = 1;
  for (const bool low : {true, false}) {
    options_.low_priority = low;
    int policy = -1;
    const auto note = [&policy](const DistillProgress&) { policy = sched_getscheduler(0); };
    IMPRINT_ASSERT_OK(Distiller(options_, Base(), nullptr).Train(nullptr, Input(), note, {}));
    EXPECT_EQ(policy, low ? SCHED_IDLE : SCHED_OTHER);
  }
}

// While a training has its turn, serving waits for what it owes it; behind the turn it does not.
TEST_F(DistillerTest, WorkAsTrainingHasATurn) {
  fakes::FakeClock clock;  // stands still: what is owed is never had
  engine::ComputeShare share(0.5, &clock);
  std::atomic<bool> served = false;
  std::thread serving;
  int policy = -1;
  Distiller(options_, Base(), &share).RunAsTraining([&] {
    policy = sched_getscheduler(0);
    share.BeginServing();
    clock.Advance(absl::Milliseconds(100));
    share.EndServing();
    serving = std::thread([&] {
      share.BeginServing();
      served = true;
      share.EndServing();
    });
    absl::SleepFor(absl::Milliseconds(20));
    EXPECT_FALSE(served);
  });
  serving.join();
  EXPECT_EQ(policy, SCHED_IDLE);
}

TEST_F(DistillerTest, ContinuesFromAnAdapterAndLeavesItAlone) {
  const auto first = Train(Input());
  ASSERT_TRUE(first.ok());
  const model::Adapter before = first->adapter->Clone();
  options_.max_epochs = 2;
  options_.learned_kl = 0;
  const double reached = first->last.loss;
  const auto second = Train(Input(), first->adapter.get());
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(SameBytes(before, *first->adapter));
  EXPECT_FALSE(SameBytes(before, *second->adapter));
  EXPECT_LT(progress_.front().loss, 2 * reached);
  for (const at::Tensor& parameter : second->adapter->Parameters()) {
    EXPECT_FALSE(parameter.requires_grad());
    EXPECT_FALSE(parameter.grad().defined());
  }
}

TEST_F(DistillerTest, ReplayedSentencesAreTrainedToo) {
  DistillInput input{Pointers({targets_}), {}, {}};
  input.replay.assign(input.targets.begin() + 6, input.targets.end());
  input.targets.resize(6);
  const auto result = Train(input);
  ASSERT_TRUE(result.ok()) << result.status();
  options_.max_epochs = 1;
  options_.learning_rate = 0;
  const double untrained = Train({input.replay, {}, {}})->last.loss;
  EXPECT_LT(Train({input.replay, {}, {}}, result->adapter.get())->last.loss, 0.3 * untrained);
}

// The teacher is told twelve tokens before each prompt.
class OnPolicyDistillerTest : public DistillerTest {
 protected:
  OnPolicyDistillerTest() {
    options_.max_epochs = 8;
    options_.min_steps = 0;
    options_.student_answers = {.max_answer_tokens = 6, .top_k = kTopK, .stop_ids = {}};
    for (store::TargetRecord& target : targets_) {
      target.set_prompt("a question");
      Ids prompt = Tokens(300, 12);
      prompt.insert(prompt.end(), target.student_prompt_ids().begin(),
                    target.student_prompt_ids().end());
      teacher_prompts_.push_back(std::move(prompt));
    }
  }

  DistillInput Asked() const {
    DistillInput input = Input();
    input.teacher_prompts = [this](const std::vector<size_t>& sentences)
        -> absl::StatusOr<std::vector<std::vector<int32_t>>> {
      std::vector<std::vector<int32_t>> prompts;
      for (const size_t i : sentences) prompts.push_back(teacher_prompts_[i]);
      return prompts;
    };
    return input;
  }

  // How far from the teacher `student` is on what it says now, nats per token.
  double KlOnWhatItSays(const model::Adapter& student) const {
    std::vector<StudentQuestion> questions;
    for (size_t i = 0; i < targets_.size(); ++i) {
      questions.push_back({targets_[i].student_prompt_ids(), teacher_prompts_[i]});
    }
    const auto answers =
        AskStudent(*Base(), student, questions, options_.student_answers, 77, nullptr, {});
    IMPRINT_EXPECT_OK(answers);
    double kl = 0, tokens = 0;
    for (const store::TargetRecord& answer : *answers) {
      for (const float token : answer.base_kl()) kl += token;
      tokens += answer.base_kl_size();
    }
    return kl / tokens;
  }

  std::vector<Ids> teacher_prompts_;
};

TEST_F(OnPolicyDistillerTest, TheStudentComesNearerToTheTeacherOnWhatItSaysItself) {
  const auto written = Train(Input());
  IMPRINT_ASSERT_OK(written);
  options_.on_policy_share = 1;

  const auto asked = Train(Asked());

  IMPRINT_ASSERT_OK(asked);
  EXPECT_LT(KlOnWhatItSays(*asked->adapter), 0.7 * KlOnWhatItSays(*written->adapter));
}

TEST_F(OnPolicyDistillerTest, SameInputSameBytes) {
  const auto once = Train(Asked());
  const auto again = Train(Asked());
  const auto never_asked = Train(Input());

  IMPRINT_ASSERT_OK(once);
  IMPRINT_ASSERT_OK(again);
  IMPRINT_ASSERT_OK(never_asked);
  EXPECT_TRUE(SameBytes(*once->adapter, *again->adapter));
  EXPECT_FALSE(SameBytes(*once->adapter, *never_asked->adapter));
}

TEST_F(OnPolicyDistillerTest, WhatCannotBeAskedStaysAsItWasWritten) {
  for (Ids& prompt : teacher_prompts_) prompt.clear();

  const auto asked = Train(Asked());
  const auto never_asked = Train(Input());

  IMPRINT_ASSERT_OK(asked);
  IMPRINT_ASSERT_OK(never_asked);
  EXPECT_TRUE(SameBytes(*asked->adapter, *never_asked->adapter));
}

// With every question on-policy, a caller's answer was trained on in the first pass only.
TEST_F(OnPolicyDistillerTest, AnswersThatWereGivenStayAsTheyWereWritten) {
  options_.on_policy_share = 1;
  for (store::TargetRecord& target : targets_) target.set_kind("caller");
  targets_.back().set_kind("remote");

  const auto asked = Train(Asked());
  const auto never_asked = Train(Input());

  IMPRINT_ASSERT_OK(asked);
  IMPRINT_ASSERT_OK(never_asked);
  EXPECT_TRUE(SameBytes(*asked->adapter, *never_asked->adapter));
}

TEST_F(OnPolicyDistillerTest, NobodyIsAskedBeforeTheFirstPassIsOver) {
  options_.max_epochs = 1;

  const auto asked = Train(Asked());
  const auto never_asked = Train(Input());

  IMPRINT_ASSERT_OK(asked);
  IMPRINT_ASSERT_OK(never_asked);
  EXPECT_TRUE(SameBytes(*asked->adapter, *never_asked->adapter));
}

TEST_F(OnPolicyDistillerTest, EachRoundAsksTheShareAnewAndNoneBeforeTheFirstPassIsOver) {
  options_.on_policy_share = 1;
  options_.learned_kl = 0;
  DistillInput input = Asked();
  std::vector<size_t> asked;
  input.teacher_prompts = [&,
                           answer = input.teacher_prompts](const std::vector<size_t>& sentences) {
    asked.push_back(sentences.size());
    return answer(sentences);
  };

  options_.on_policy_rounds = 5;
  IMPRINT_ASSERT_OK(Train(input));
  EXPECT_THAT(asked, ::testing::Each(targets_.size()));
  EXPECT_EQ(asked.size(), 5U);

  asked.clear();
  options_.on_policy_rounds = 100;
  IMPRINT_ASSERT_OK(Train(input));
  EXPECT_EQ(asked.size(), 7U) << "one before each of the eight passes but the first";

  asked.clear();
  options_.on_policy_rounds = 0;
  IMPRINT_ASSERT_OK(Train(input));
  EXPECT_TRUE(asked.empty());
}

TEST_F(OnPolicyDistillerTest, OrdinaryFineTuningAsksNobody) {
  options_.objective = Objective::kNextToken;

  const auto asked = Train(Asked());
  const auto never_asked = Train(Input());

  IMPRINT_ASSERT_OK(asked);
  IMPRINT_ASSERT_OK(never_asked);
  EXPECT_TRUE(SameBytes(*asked->adapter, *never_asked->adapter));
}

TEST_F(DistillerTest, StopsWhenEverythingIsLearned) {
  const DistillInput known{Pointers(retention_), {}, {}};
  const auto result = Train(known);
  ASSERT_TRUE(result.ok()) << result.status();
  // One epoch to see it: 6 texts of 20 tokens.
  EXPECT_EQ(result->last.step, 1);
  EXPECT_EQ(result->last.total_steps, 1);
}

TEST_F(DistillerTest, RecordsOfDifferentTopKGoTogether) {
  targets_.push_back(SureTarget({5, 6}, {7, 8}, /*k=*/3));
  EXPECT_TRUE(Train(Input()).ok());
}

TEST_F(DistillerTest, SentenceLongerThanAStepIsTrained) {
  targets_ = {SureTarget(Tokens(1, 150), Tokens(2, 40))};
  options_.learned_kl = 0.5;
  const auto result = Train({Pointers(targets_), {}, {}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(progress_.front().tokens, 189);
}

class DistillerThreadsTest : public DistillerTest, public ::testing::WithParamInterface<int> {
 protected:
  DistillerThreadsTest() {
    model::SetComputeThreads(GetParam());
    options_.batch_tokens = 256;
  }
};
// One part, and two side by side.
INSTANTIATE_TEST_SUITE_P(All, DistillerThreadsTest, ::testing::Values(1, 2));

TEST_P(DistillerThreadsTest, NanInATeacherIsNamedBeforeTheStep) {
  store::TargetRecord& poison = targets_[3];
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(poison.mutable_top_log_probs()->data(), &nan, sizeof(nan));
  const auto result = Train(Input());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("loss of step "));
}

TEST_P(DistillerThreadsTest, InfiniteGradientIsNamedBeforeTheStep) {
  // The forward pass never reads an adapter's A where B is zero but as 0 * A.
  model::Adapter start = model::Adapter::Make(Base()->config, Base()->placement, 4, 8, 1);
  start.layers[0][0].a.mul_(1e30);
  start.layers[0][0].b.zero_();
  const auto result = Train(Input(), &start);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("step 1 is not finite"));
}

TEST_F(DistillerTest, TooMuchMemoryIsRefusedBeforehand) {
  options_.max_bytes = 1 << 20;
  const auto result = Train(Input());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("--update.max_bytes"));
  EXPECT_TRUE(progress_.empty());
}

TEST_F(DistillerTest, SentenceThatIsTooLongForTheMemoryIsToBlameItself) {
  const model::ModelConfig& config = Base()->config;
  const auto needs = [&](int64_t tokens) {
    return EstimateTrainingMemory(config, Base()->placement, options_.rank,
                                  tokens + kPaddedMultiple - 1)
        .total();
  };
  options_.protected_share = 0;  // takes memory of its own
  options_.max_bytes = needs(options_.batch_tokens);
  IMPRINT_EXPECT_OK(Train(Input()));
  // What is held of frozen blocks has no room then, and no job fails for it.
  options_.upper_blocks = 0.5;
  IMPRINT_EXPECT_OK(Train(Input()));
  options_.upper_blocks = 1;
  const store::TargetRecord long_one = SureTarget(Tokens(1, 300), Tokens(2, 40));

  const auto result = Train({{&long_one}, {}, {}});

  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(DistillerTest, EndsAfterTheMostSteps) {
  options_.max_steps = 5;
  options_.learned_kl = 0;

  const auto result = Train(Input());

  IMPRINT_ASSERT_OK(result);
  EXPECT_EQ(result->last.step, 5);
  EXPECT_EQ(progress_.front().total_steps, 5);
  EXPECT_EQ(progress_.size(), 5U);
}

TEST_F(DistillerTest, CancelledBetweenSteps) {
  options_.protected_share = 0;  // asks before the first step as well
  int asked = 0;
  const auto result = Distiller(options_, Base(), nullptr).Train(nullptr, Input(), {}, [&asked] {
    return ++asked == 3;
  });
  EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("after step 2"));
}

TEST_F(DistillerTest, RecordsThatCannotBeTrainedAreRefused) {
  const auto code_of = [this](const store::TargetRecord& record) {
    return Train({{&record}, {}, {}}).status().code();
  };
  EXPECT_EQ(code_of(Record({}, {1})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of(Record({1}, {})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of(Record({512}, {1})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of(Record({1}, {-1})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of(SureTarget(Tokens(1, 1000), Tokens(2, 40))),
            absl::StatusCode::kInvalidArgument);
  store::TargetRecord truncated = SureTarget({1}, {2, 3});
  truncated.mutable_top_ids()->pop_back();
  EXPECT_EQ(code_of(truncated), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Train({}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace imprint::update
