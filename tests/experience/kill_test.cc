// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// kill -9 in a storm of appends, over seeds. This program is also the one that is killed:
// `experience_kill_test --append_storm=FOLDER SEED` appends until it ends, and writes each
// acknowledged request id and its sequence to its standard output.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "server/experience/experience_log.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

extern char** environ;

namespace imprint::experience {
namespace {

constexpr char kStormFlag[] = "--append_storm=";
constexpr int kWriters = 4;
constexpr int kStormAppends = 100'000;  // more than any test waits for

store::StoreOptions OptionsFor(const std::filesystem::path& folder) {
  return {.path = folder, .model_fingerprint = "model", .tokenizer_fingerprint = "tokenizer"};
}

// The child's whole life, but for its end.
int AppendStorm(const std::string& folder, const std::string& seed) {
  auto store = store::Store::Open(OptionsFor(folder));
  if (!store.ok()) return 2;
  ExperienceLogOptions options;
  options.max_waiting = 10'000'000;
  auto log = ExperienceLog::Open(store->get(), options, Clock::Real());
  if (!log.ok()) return 3;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < kStormAppends; ++i) {
        store::ExperienceRecord record;
        record.set_request_id(seed + "/" + std::to_string(writer) + "/" + std::to_string(i));
        record.set_text("text of " + record.request_id());
        absl::Notification answered;
        (*log)->Append(record, [&](absl::StatusOr<store::ExperienceRecord> stored) {
          if (stored.ok()) {
            // One write of a short line to a pipe is atomic.
            const std::string line =
                stored->request_id() + " " + std::to_string(stored->sequence()) + "\n";
            if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) ::_exit(4);
          }
          answered.Notify();
        });
        answered.WaitForNotification();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  return 0;
}

// Runs a storm, kills it after it wrote `lines` lines, and gives all that it wrote.
std::string KilledStorm(const std::filesystem::path& folder, int seed, int lines) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string program = "/proc/self/exe";
  std::string flag = kStormFlag + folder.string();
  std::string seed_argument = std::to_string(seed);
  char* arguments[] = {program.data(), flag.data(), seed_argument.data(), nullptr};
  pid_t child = 0;
  EXPECT_EQ(::posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);

  std::string output;
  char chunk[4096];
  bool killed = false;
  while (true) {
    const ssize_t count = ::read(ends[0], chunk, sizeof(chunk));
    if (count <= 0) break;
    output.append(chunk, static_cast<size_t>(count));
    if (!killed && std::count(output.begin(), output.end(), '\n') >= lines) {
      ::kill(child, SIGKILL);
      killed = true;
    }
  }
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(killed && WIFSIGNALED(status)) << "it ended by itself: " << status;
  return output;
}

TEST(KillTest, EveryAcknowledgedAppendIsThereOnceAndNoNumberIsMissing) {
  testing::TempDir dir;
  const std::filesystem::path folder = dir / "store";
  std::map<std::string, int64_t> acknowledged;
  for (int seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const int lines = std::uniform_int_distribution<int>(1, 400)(random);
    std::istringstream output(KilledStorm(folder, seed, lines));
    std::string id;
    int64_t sequence = 0;
    while (output >> id >> sequence) acknowledged[id] = sequence;

    IMPRINT_ASSERT_OK_AND_ASSIGN(auto store, store::Store::Open(OptionsFor(folder)));
    IMPRINT_ASSERT_OK_AND_ASSIGN(auto log, ExperienceLog::Open(store.get(), {}, Clock::Real()));
    IMPRINT_ASSERT_OK_AND_ASSIGN(const auto listing, log->List({}, 0, 1'000'000));
    std::map<std::string, int64_t> stored;
    int64_t expected_sequence = 0;
    for (const store::ExperienceRecord& record : listing.records) {
      EXPECT_EQ(record.sequence(), ++expected_sequence);
      EXPECT_EQ(record.text(), "text of " + record.request_id());
      EXPECT_TRUE(stored.emplace(record.request_id(), record.sequence()).second)
          << record.request_id() << " is there twice";
    }
    EXPECT_EQ(log->Counts().queued, expected_sequence);
    EXPECT_GE(acknowledged.size(), static_cast<size_t>(lines));
    for (const auto& [request_id, acknowledged_sequence] : acknowledged) {
      EXPECT_EQ(stored[request_id], acknowledged_sequence) << request_id;
    }
  }
}

}  // namespace
}  // namespace imprint::experience

int main(int argc, char** argv) {
  using imprint::experience::kStormFlag;
  if (argc == 3 && std::string(argv[1]).starts_with(kStormFlag)) {
    return imprint::experience::AppendStorm(argv[1] + sizeof(kStormFlag) - 1, argv[2]);
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
