// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_engine.h"
#include "tests/fakes/fake_learner.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint::update {
namespace {

using ::imprint::testing::HasCode;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class GateTest : public ::testing::Test {
 protected:
  GateTest() {
    store::StoreOptions options;
    options.path = temp_ / "store";
    options.model_fingerprint = "model";
    options.tokenizer_fingerprint = "tokenizer";
    auto store = store::Store::Open(options);
    IMPRINT_EXPECT_OK(store);
    store_ = *std::move(store);
  }

  // An experience with a probe; with what was recorded of it, where there is something.
  int64_t Put(std::optional<double> recorded = std::nullopt) {
    int64_t sequence = 0;
    IMPRINT_EXPECT_OK(store_->Transact([&](store::Transaction& transaction) {
      store::ExperienceRecord record;
      sequence = transaction.NextSequence();
      record.set_sequence(sequence);
      record.set_state(store::STORED_STATE_READY);
      record.set_text("text");
      if (recorded.has_value()) record.set_efficacy(*recorded);
      transaction.PutExperience(record);
      store::ProbeRecord probe = fakes::ProbeOf(sequence);
      probe.set_id(transaction.NextProbe());
      transaction.PutProbe(probe);
      return absl::OkStatus();
    }));
    return sequence;
  }

  void PutRetentionProbe(const std::string& question) {
    IMPRINT_EXPECT_OK(store_->Transact([&](store::Transaction& transaction) {
      store::ProbeRecord probe = fakes::ProbeOf(0);
      probe.set_id(transaction.NextProbe());
      probe.set_question(question);
      transaction.PutProbe(probe);
      return absl::OkStatus();
    }));
  }

  // A candidate that knows each place as well as said.
  static engine::SharedVersion Candidate(const std::map<int64_t, double>& knowledge) {
    auto adapter = std::make_shared<model::Adapter>();
    adapter->layers.resize(1);
    at::Tensor known = at::zeros({64}, at::TensorOptions().device(at::kCPU).dtype(at::kFloat));
    for (const auto& [place, value] : knowledge) known[place].fill_(value);
    adapter->layers.back()[0].b = known;
    auto version = std::make_shared<version::Version>();
    version->number = 1;
    version->deltas = {adapter};
    return version;
  }

  absl::StatusOr<GateVerdict> Judge(const engine::SharedVersion& candidate,
                                    const std::vector<int64_t>& sequences,
                                    const std::vector<int64_t>& earlier = {}) {
    const Gate gate(options_, store_.get(), &prober_);
    return gate.Judge(candidate, sequences, earlier, {fakes::Sentence(0)}, {});
  }

  const testing::TempDir temp_;
  std::unique_ptr<store::Store> store_;
  fakes::FakeEngine engine_{fakes::LogProbOfKnowledge};
  const probe::Prober prober_{&engine_, nullptr};
  GateOptions options_;
};

TEST_F(GateTest, WhatIsLearnedPasses) {
  const int64_t a = Put();
  const int64_t b = Put();

  IMPRINT_ASSERT_OK_AND_ASSIGN(const GateVerdict verdict,
                               Judge(Candidate({{a, 1}, {b, 1}}), {a, b}));

  EXPECT_TRUE(verdict.passed) << verdict.message;
  EXPECT_EQ(verdict.reason, "");
  EXPECT_NEAR(verdict.report.efficacy(), 1, 1e-3);
  EXPECT_EQ(verdict.report.experience_efficacies_size(), 2);
  EXPECT_EQ(verdict.report.unmeasurable(), 0);
}

TEST_F(GateTest, WhatIsNotLearnedIsRejectedWithFigureAndFlag) {
  const int64_t a = Put();

  IMPRINT_ASSERT_OK_AND_ASSIGN(const GateVerdict verdict, Judge(Candidate({}), {a}));

  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.reason, "efficacy");
  EXPECT_THAT(verdict.message, AllOf(HasSubstr("0.000"), HasSubstr("--gate.min_efficacy")));
  EXPECT_NEAR(verdict.report.efficacy(), 0, 1e-3);
}

TEST_F(GateTest, ExperienceWithoutProbesIsUnmeasurableAndPasses) {
  const int64_t a = Put();
  IMPRINT_ASSERT_OK(store_->Transact([&](store::Transaction& transaction) {
    transaction.DeleteProbe(store_->GetProbe(1).value());
    return absl::OkStatus();
  }));

  IMPRINT_ASSERT_OK_AND_ASSIGN(const GateVerdict verdict, Judge(Candidate({}), {a}));

  EXPECT_TRUE(verdict.passed) << verdict.message;
  EXPECT_EQ(verdict.report.unmeasurable(), 1);
  EXPECT_FALSE(verdict.report.has_efficacy());
}

// Probes that were added with `imprint probes add QUESTION` were never asked by the gate.
TEST_F(GateTest, MovedAnswerToARetentionProbeIsRejectedNamingIt) {
  const int64_t a = Put();
  PutRetentionProbe("What is the capital of France?");
  options_.max_retention_kl = 100;
  const engine::SharedVersion kept = Candidate({{a, 1}});
  const engine::SharedVersion moved = Candidate({{a, 1}, {fakes::kRetentionPlace, 1.2}});

  IMPRINT_ASSERT_OK_AND_ASSIGN(const GateVerdict good, Judge(kept, {a}));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const GateVerdict bad, Judge(moved, {a}));

  EXPECT_TRUE(good.passed) << good.message;
  EXPECT_NEAR(good.report.retention_probe_kl(), 0, 1e-3);
  EXPECT_FALSE(bad.passed);
  EXPECT_EQ(bad.reason, "retention");
  EXPECT_THAT(bad.message,
              AllOf(HasSubstr("What is the capital of France?"), HasSubstr("--gate.max_probe_kl")));
  EXPECT_GT(bad.report.retention_probe_kl(), options_.max_probe_kl);
}

TEST_F(GateTest, LostRetentionIsRejectedWithFigureAndFlag) {
  const int64_t a = Put();

  IMPRINT_ASSERT_OK_AND_ASSIGN(const GateVerdict verdict,
                               Judge(Candidate({{a, 1}, {fakes::kRetentionPlace, 1}}), {a}));

  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.reason, "retention");
  EXPECT_THAT(verdict.message, HasSubstr("--gate.max_retention_kl"));
  EXPECT_GT(verdict.report.retention_kl(), options_.max_retention_kl);
  // The favourite went from 0.5 to 0.9.
  EXPECT_NEAR(verdict.report.retention_perplexity_ratio(), 0.5 / 0.9, 1e-3);
}

TEST_F(GateTest, EarlierOnesThatAreLostAreRejected) {
  const int64_t earlier = Put(0.8);
  const int64_t fresh = Put();

  IMPRINT_ASSERT_OK_AND_ASSIGN(const GateVerdict verdict,
                               Judge(Candidate({{fresh, 1}}), {fresh}, {earlier}));

  EXPECT_EQ(verdict.reason, "earlier");
  EXPECT_THAT(verdict.message, AllOf(HasSubstr("0.800"), HasSubstr("--gate.max_earlier_loss")));
}

TEST_F(GateTest, EarlierOnesAreMeasuredAndReported) {
  const int64_t earlier = Put(0.9);
  const int64_t unmeasured = Put();
  const int64_t fresh = Put();

  IMPRINT_ASSERT_OK_AND_ASSIGN(
      const GateVerdict verdict,
      Judge(Candidate({{fresh, 1}, {earlier, 1}}), {fresh}, {earlier, unmeasured}));

  EXPECT_TRUE(verdict.passed) << verdict.message;
  EXPECT_THAT(verdict.earlier_efficacies,
              ElementsAre(Pair(earlier, ::testing::DoubleNear(1, 1e-3))));
  EXPECT_NEAR(verdict.report.earlier_efficacy(), 1, 1e-3);
}

TEST_F(GateTest, SampleOfEarlierOnesIsBounded) {
  options_.earlier_sample = 3;
  std::vector<int64_t> earlier;
  std::map<int64_t, double> knowledge;
  for (int i = 0; i < 20; ++i) {
    earlier.push_back(Put(1.0));
    knowledge[earlier.back()] = 1;
  }
  const int64_t fresh = Put();
  knowledge[fresh] = 1;

  IMPRINT_ASSERT_OK_AND_ASSIGN(const GateVerdict verdict,
                               Judge(Candidate(knowledge), {fresh}, earlier));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const GateVerdict again,
                               Judge(Candidate(knowledge), {fresh}, earlier));

  EXPECT_EQ(verdict.earlier_efficacies.size(), 3u);
  EXPECT_EQ(again.earlier_efficacies, verdict.earlier_efficacies);
}

TEST_F(GateTest, NotANumberAnywhereIsRejectedAsSuch) {
  const int64_t earlier = Put(0.5);
  const int64_t fresh = Put();
  const double nan = std::nan("");
  for (const int64_t place : {fresh, earlier, fakes::kRetentionPlace}) {
    std::map<int64_t, double> knowledge = {{fresh, 1}, {earlier, 1}};
    knowledge[place] = nan;

    IMPRINT_ASSERT_OK_AND_ASSIGN(const GateVerdict verdict,
                                 Judge(Candidate(knowledge), {fresh}, {earlier}));

    EXPECT_FALSE(verdict.passed);
    EXPECT_EQ(verdict.reason, "nan") << place;
  }
}

TEST_F(GateTest, EngineThatCannotBeAskedIsAnErrorNotAVerdict) {
  const int64_t a = Put();
  engine_.FailWith(absl::UnavailableError("draining"));

  EXPECT_THAT(Judge(Candidate({{a, 1}}), {a}), HasCode(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace imprint::update
