// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// An experience log over a real store that can be made to fail.

#ifndef IMPRINT_TESTS_EXPERIENCE_LOG_FIXTURE_H_
#define IMPRINT_TESTS_EXPERIENCE_LOG_FIXTURE_H_

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/sha256.h"
#include "server/experience/experience_log.h"
#include "tests/fakes/fake_clock.h"
#include "tests/store/store_fixture.h"

namespace imprint::experience {

using AppendResult = absl::StatusOr<store::ExperienceRecord>;

// As a handler would fill it. Empty request_id: the log makes one.
inline store::ExperienceRecord MakeRecord(const std::string& text,
                                          const std::string& request_id = "",
                                          const Labels& labels = {}) {
  store::ExperienceRecord record;
  record.set_text(text);
  record.set_request_id(request_id);
  record.set_body_digest(Sha256Hex(text));
  record.mutable_labels()->insert(labels.begin(), labels.end());
  return record;
}

// Begins an append; the future is ready when it is durable.
inline std::future<AppendResult> BeginAppend(ExperienceLog& log, store::ExperienceRecord record) {
  auto promise = std::make_shared<std::promise<AppendResult>>();
  log.Append(std::move(record),
             [promise](AppendResult result) { promise->set_value(std::move(result)); });
  return promise->get_future();
}

inline AppendResult Append(ExperienceLog& log, store::ExperienceRecord record) {
  return BeginAppend(log, std::move(record)).get();
}

// Sequences of records, in their order.
inline std::vector<int64_t> Sequences(const std::vector<store::ExperienceRecord>& records) {
  std::vector<int64_t> sequences;
  for (const store::ExperienceRecord& record : records) sequences.push_back(record.sequence());
  return sequences;
}

// `count` target sentences of `tokens` tokens each.
inline std::vector<store::TargetRecord> MakeTargets(int count = 1, int tokens = 3) {
  std::vector<store::TargetRecord> targets(count);
  for (store::TargetRecord& target : targets) {
    for (int i = 0; i < tokens; ++i) target.add_target_ids(i);
  }
  return targets;
}

class LogFixture : public store::StoreFixture {
 protected:
  void SetUp() override { IMPRINT_ASSERT_OK(OpenLog()); }
  void TearDown() override { log_.reset(); }

  // Opens store and log, closing them first where they are open.
  absl::Status OpenLog() {
    log_.reset();
    absl::Status opened = Open();
    if (!opened.ok()) return opened;
    absl::StatusOr<std::unique_ptr<ExperienceLog>> log =
        ExperienceLog::Open(store_.get(), options_, &clock_);
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    return absl::OkStatus();
  }

  void CrashLog() {
    fs_->Fail(fakes::Fault::kWrites);
    log_.reset();
    Crash();
  }

  // Appends an experience and brings it into `state`; its sequence.
  int64_t AppendInState(store::StoredState state, const Labels& labels = {}) {
    AppendResult appended = Append(*log_, MakeRecord("text", "", labels));
    EXPECT_THAT(appended, testing::IsOk());
    const int64_t sequence = appended->sequence();
    if (state == store::STORED_STATE_QUEUED) return sequence;
    if (state == store::STORED_STATE_QUARANTINED) {
      EXPECT_THAT(log_->Quarantine(sequence, "poison"), testing::IsOk());
      return sequence;
    }
    EXPECT_THAT(log_->StoreTargets(sequence, MakeTargets(), {}), testing::IsOk());
    if (state == store::STORED_STATE_READY) return sequence;
    Commit({sequence}, 1);
    if (state == store::STORED_STATE_INTEGRATED) return sequence;
    EXPECT_EQ(state, store::STORED_STATE_HELD);
    MoveCurrent(0, [&](int64_t other) {
      return other != sequence && StateOf(other) == store::STORED_STATE_INTEGRATED;
    });
    return sequence;
  }

  // As a publish does it: states and current version in one transaction.
  void Commit(const std::vector<int64_t>& sequences, int64_t version) {
    EXPECT_THAT(store_->Transact([&](store::Transaction& transaction) {
      transaction.SetCurrentVersion(version);
      return log_->StageIntegrated(transaction, sequences, version, {});
    }),
                testing::IsOk());
    EXPECT_THAT(log_->Refresh(), testing::IsOk());
  }

  // As a rollback does it; how many became HELD.
  int64_t MoveCurrent(int64_t version, absl::FunctionRef<bool(int64_t)> contained) {
    int64_t held = -1;
    EXPECT_THAT(store_->Transact([&](store::Transaction& transaction) {
      transaction.SetCurrentVersion(version);
      absl::StatusOr<int64_t> staged = log_->StageMembership(transaction, contained);
      held = staged.value_or(-1);
      return staged.status();
    }),
                testing::IsOk());
    EXPECT_THAT(log_->Refresh(), testing::IsOk());
    return held;
  }

  store::StoredState StateOf(int64_t sequence) {
    absl::StatusOr<store::ExperienceRecord> record = log_->Get(sequence);
    EXPECT_THAT(record, testing::IsOk());
    return record->state();
  }

  fakes::FakeClock clock_;
  ExperienceLogOptions options_;
  std::unique_ptr<ExperienceLog> log_;
};

}  // namespace imprint::experience

#endif  // IMPRINT_TESTS_EXPERIENCE_LOG_FIXTURE_H_
