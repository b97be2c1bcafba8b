// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A whole server's learning side in a folder, with real store, log, versions, prober and
// gate; only network and gradients are fakes.

#ifndef IMPRINT_TESTS_UPDATE_UPDATER_FIXTURE_H_
#define IMPRINT_TESTS_UPDATE_UPDATER_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "server/update/updater.h"
#include "tests/fakes/fake_engine.h"
#include "tests/fakes/fake_learner.h"
#include "tests/fakes/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_device.h"
#include "tests/testing/tiny_model.h"

namespace imprint::update {

// Long enough for a machine that is busy with other things.
inline constexpr absl::Duration kPatience = absl::Seconds(60);

// Waits for something that nobody tells of.
inline ::testing::AssertionResult Eventually(const std::function<bool()>& holds) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!holds()) {
    if (absl::Now() > deadline) return ::testing::AssertionFailure() << "it never held";
    std::this_thread::yield();
  }
  return ::testing::AssertionSuccess();
}

// The server of one data folder, from opening to its end.
class Server {
 public:
  using Listener = std::function<void(const store::JobRecord&)>;

  // Opens all but the updater.
  Server(const std::filesystem::path& data_dir, std::shared_ptr<const model::Weights> base,
         rocksdb::Env* env = nullptr, version::VersionManagerOptions version_options = {},
         const Clock* clock = Clock::Real())
      : clock_(clock), learner_(base->config, base->placement) {
    store::StoreOptions store_options;
    store_options.path = data_dir / "store";
    store_options.model_fingerprint = "model";
    store_options.tokenizer_fingerprint = "tokenizer";
    store_options.env = env;
    auto store = store::Store::Open(store_options);
    IMPRINT_EXPECT_OK(store);
    store_ = *std::move(store);
    auto log = experience::ExperienceLog::Open(store_.get(), {}, clock_);
    IMPRINT_EXPECT_OK(log);
    log_ = *std::move(log);
    version_options.directory = data_dir / "versions";
    version_options.model_fingerprint = "model";
    auto versions = version::VersionManager::Open(store_.get(), base, version_options, clock_);
    IMPRINT_EXPECT_OK(versions);
    versions_ = *std::move(versions);
    retention_.train.push_back(fakes::Sentence(0));
    retention_.heldout.push_back(fakes::Sentence(0));
    prober_ = std::make_unique<probe::Prober>(&engine_, nullptr);
    gate_ = std::make_unique<Gate>(GateOptions{}, store_.get(), prober_.get());
    options_.max_age = absl::InfiniteDuration();  // on command only
    options_.min_batch = 1000;
    options_.min_backoff = absl::Milliseconds(10);
    options_.max_backoff = absl::Milliseconds(50);
  }

  ~Server() { updater_.reset(); }

  absl::Status Start() {
    UpdaterDeps deps{.store = store_.get(),
                     .log = log_.get(),
                     .versions = versions_.get(),
                     .engine = &engine_,
                     .distiller = nullptr,
                     .teacher_prompts = teacher_prompts_,
                     .gate = gate_.get(),
                     .retention =
                         [this](const std::function<bool()>&) {
                           listening_.WaitForNotification();
                           return &retention_;
                         },
                     .replay_share = 1,
                     .min_replay = min_replay_,
                     .rebuild = rebuild_,
                     .metrics = metrics_.update(),
                     .clock = clock_,
                     .manual_approval = manual_approval_,
                     .train =
                         [this](const model::Adapter* start, const DistillInput& input,
                                const std::function<void(const DistillProgress&)>& progress,
                                const std::function<bool()>& cancelled) {
                           return train_ ? train_(start, input, progress, cancelled)
                                         : learner_.Train(start, input, progress, cancelled);
                         }};
    absl::StatusOr<std::unique_ptr<Updater>> updater = Updater::Start(options_, deps);
    if (!updater.ok()) return updater.status();
    updater_ = *std::move(updater);
    updater_->AddListener([this](const store::JobRecord& job) {
      // First, so that a test that has seen the step may go on and end.
      if (on_job) on_job(job);
      absl::MutexLock lock(&mutex_);
      steps_.push_back(job);
    });
    listening_.Notify();
    return absl::OkStatus();
  }

  // Appends an experience, QUEUED; gives its sequence.
  int64_t Append(store::ExperienceRecord record = {}, const std::string& supersedes = "") {
    if (record.text().empty()) record.set_text("an experience");
    absl::Notification done;
    int64_t sequence = 0;
    log_->Append(
        std::move(record),
        [&](absl::StatusOr<store::ExperienceRecord> appended) {
          IMPRINT_EXPECT_OK(appended);
          if (appended.ok()) sequence = appended->sequence();
          done.Notify();
        },
        supersedes);
    done.WaitForNotification();
    return sequence;
  }

  // Makes it READY.
  void Generate(int64_t sequence) {
    IMPRINT_EXPECT_OK(log_->StoreTargets(sequence,
                                         {fakes::Sentence(sequence), fakes::Sentence(sequence)},
                                         {fakes::ProbeOf(sequence)}));
  }

  // Appends `count` READY experiences; gives their sequences.
  std::vector<int64_t> Inject(int count) {
    std::vector<int64_t> sequences;
    for (int i = 0; i < count; ++i) {
      sequences.push_back(Append());
      Generate(sequences.back());
    }
    return sequences;
  }

  // Waits until a step of a job fits.
  ::testing::AssertionResult Await(const std::function<bool(const store::JobRecord&)>& fits) {
    const auto seen = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      for (const store::JobRecord& job : steps_) {
        if (fits(job)) return true;
      }
      return false;
    };
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&seen), kPatience)) {
      return ::testing::AssertionSuccess();
    }
    ::testing::AssertionResult failure = ::testing::AssertionFailure();
    for (const store::JobRecord& job : steps_) failure << job.ShortDebugString() << "\n";
    return failure;
  }
  ::testing::AssertionResult AwaitState(int64_t job, store::StoredJobState state) {
    return Await([job, state](const store::JobRecord& step) {
      return step.id() == job && step.state() == state;
    });
  }

  store::StoredState StateOf(int64_t sequence) const {
    const absl::StatusOr<store::ExperienceRecord> record = log_->Get(sequence);
    IMPRINT_EXPECT_OK(record);
    return record.ok() ? record->state() : store::STORED_STATE_UNSPECIFIED;
  }

  std::vector<store::JobRecord> Jobs() const {  // oldest first
    auto jobs = store_->ListJobs(0, 1000);
    IMPRINT_EXPECT_OK(jobs);
    return {jobs->rbegin(), jobs->rend()};
  }
  std::vector<store::VersionRecord> Versions() const {
    auto versions = store_->ListVersions();
    IMPRINT_EXPECT_OK(versions);
    return *std::move(versions);
  }

  const Clock* const clock_;
  TrainFn train_;  // in place of learner_; set before Start
  decltype(UpdaterDeps::teacher_prompts) teacher_prompts_;  // set before Start
  SchedulerOptions options_;
  RebuildOptions rebuild_;
  int min_replay_ = 0;
  bool manual_approval_ = false;
  Listener on_job;  // set before Start
  metrics::Metrics metrics_;
  fakes::FakeEngine engine_{fakes::LogProbOfKnowledge};
  fakes::FakeLearner learner_;
  generator::RetentionText retention_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<experience::ExperienceLog> log_;
  std::unique_ptr<version::VersionManager> versions_;
  std::unique_ptr<probe::Prober> prober_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Updater> updater_;

 private:
  // No job begins before its steps are heard.
  absl::Notification listening_;
  absl::Mutex mutex_;
  std::vector<store::JobRecord> steps_ ABSL_GUARDED_BY(mutex_);
};

class UpdaterFixture : public ::testing::Test {
 protected:
  UpdaterFixture()
      : base_(testing::RandomWeights(testing::TinyConfig(), 1, testing::TestPlacement("f32"))) {
    Open();
  }

  // Opens the folder, after closing what had it open.
  void Open() {
    server_.reset();
    server_ = std::make_unique<Server>(temp_ / "data", base_, env_.get(), version_options_, clock_);
  }
  void Start() { IMPRINT_ASSERT_OK(server_->Start()); }
  void Reopen() {
    Open();
    Start();
  }
  void RunNow() { IMPRINT_ASSERT_OK(server_->updater_->RunNow()); }

  Updater& updater() { return *server_->updater_; }
  fakes::FakeLearner& learner() { return server_->learner_; }
  version::VersionManager& versions() { return *server_->versions_; }

  const testing::TempDir temp_;
  const std::shared_ptr<const model::Weights> base_;
  std::unique_ptr<rocksdb::Env> env_;
  version::VersionManagerOptions version_options_;
  const Clock* clock_ = Clock::Real();
  std::unique_ptr<Server> server_;
};

}  // namespace imprint::update

#endif  // IMPRINT_TESTS_UPDATE_UPDATER_FIXTURE_H_
