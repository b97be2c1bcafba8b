// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What choosing the replay of a job costs as the log grows: `replay_bench DIRECTORY`. Fills a
// store in DIRECTORY (which must not exist; about 0.5 GB; left behind) and prints, at each size,
// the seconds of one choice, median of seven jobs.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/store.h"
#include "server/store/teacher_codec.h"
#include "server/update/replay.h"

namespace imprint::update {
namespace {

constexpr int64_t kExperiencesAtOnce = 500;
constexpr int kSentences = 32;
constexpr int kTokens = 20;
constexpr int kTeacherIds = 4;
constexpr size_t kBudget = 640;  // replay for ten experiences of 64 sentences
constexpr int kJobs = 7;

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// The same sentences for each experience: what counts is how many bytes are read.
std::vector<store::TargetRecord> Sentences() {
  store::TargetRecord sentence;
  sentence.set_kind("sentence");
  store::TeacherRows rows{.k = kTeacherIds, .ids = {}, .log_probs = {}};
  for (int token = 0; token < kTokens; ++token) {
    sentence.add_target_ids(token);
    for (int id = 0; id < kTeacherIds; ++id) {
      rows.ids.push_back(1000 * id + token);
      rows.log_probs.push_back(std::log(0.1F * static_cast<float>(kTeacherIds - id)));
    }
  }
  sentence.add_student_prompt_ids(1);
  store::PackTeacher(rows, sentence);
  return std::vector<store::TargetRecord>(kSentences, sentence);
}

void Fill(store::Store& store, const std::vector<store::TargetRecord>& sentences, int64_t count,
          std::vector<int64_t>& sequences) {
  const absl::Status status = store.Transact([&](store::Transaction& transaction) {
    for (int64_t i = 0; i < count; ++i) {
      store::ExperienceRecord record;
      record.set_sequence(transaction.NextSequence());
      record.set_state(store::STORED_STATE_INTEGRATED);
      record.set_text("text");
      record.set_efficacy(static_cast<double>(record.sequence() % 97) / 97);
      transaction.PutExperience(record);
      transaction.PutTargets(record.sequence(), sentences);
      sequences.push_back(record.sequence());
    }
    return absl::OkStatus();
  });
  if (!status.ok()) Fail(status);
}

double SecondsOfOneChoice(const store::Store& store, const std::vector<int64_t>& earlier) {
  std::vector<double> seconds;
  for (uint64_t job = 1; job <= kJobs; ++job) {
    const auto begin = std::chrono::steady_clock::now();
    const auto replay =
        ChooseReplay(store, earlier, kBudget, job, ReplayOrder::kMostForgottenFirst);
    if (!replay.ok()) Fail(replay.status());
    if (replay->size() != kBudget) Fail(absl::InternalError("fewer sentences than were asked for"));
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    seconds.push_back(passed.count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[kJobs / 2];
}

int Main(const std::filesystem::path& directory) {
  if (std::filesystem::exists(directory)) {
    Fail(absl::AlreadyExistsError(directory.string() + " exists"));
  }
  store::StoreOptions options;
  options.path = directory;
  options.model_fingerprint = "bench";
  options.tokenizer_fingerprint = "bench";
  absl::StatusOr<std::unique_ptr<store::Store>> store = store::Store::Open(options);
  if (!store.ok()) Fail(store.status());

  const std::vector<store::TargetRecord> sentences = Sentences();
  std::vector<int64_t> earlier;
  std::printf("%12s %12s %18s\n", "experiences", "sentences", "one choice, ms");
  for (const size_t size : {1'000, 10'000, 100'000}) {
    while (earlier.size() < size) Fill(**store, sentences, kExperiencesAtOnce, earlier);
    std::printf("%12zu %12zu %18.1f\n", size, size * kSentences,
                1000 * SecondsOfOneChoice(**store, earlier));
  }
  return 0;
}

}  // namespace
}  // namespace imprint::update

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: replay_bench DIRECTORY\n");
    return 2;
  }
  return imprint::update::Main(argv[1]);
}
