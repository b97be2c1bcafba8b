// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the experience log costs: `tests/bench/run log` starts it and makes tables of its lines
// of JSON.
//
//   log_bench syncs DIRECTORY SECONDS BYTES             bare writes, each with a sync
//   log_bench append DIRECTORY SECONDS CALLERS BYTES    callers that each wait for their append
//   log_bench open DIRECTORY EXPERIENCES REPEATS        fills a store and opens it
//
// DIRECTORY must not exist; it is left behind.

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "common/clock.h"
#include "nlohmann/json.hpp"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "server/experience/experience_log.h"
#include "server/store/store.h"

namespace imprint::experience {
namespace {

using Json = nlohmann::json;

constexpr int64_t kExperiencesAtOnce = 2000;
constexpr size_t kTextBytes = 200;
// One in so many still waits for training, the others are in the weights.
constexpr int64_t kReadyOneIn = 1000;

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "log_bench: %s\n", status.ToString().c_str());
  std::exit(1);
}

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Syncs of write-ahead logs are passed on and counted.
class CountingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  CountingFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "CountingFileSystem"; }

  int64_t log_syncs() const { return log_syncs_.load(); }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = target()->NewWritableFile(name, options, file, debug);
    if (status.ok() && name.ends_with(".log")) {
      *file = std::make_unique<Log>(std::move(*file), &log_syncs_);
    }
    return status;
  }

 private:
  class Log final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    Log(std::unique_ptr<rocksdb::FSWritableFile> file, std::atomic<int64_t>* syncs)
        : FSWritableFileOwnerWrapper(std::move(file)), syncs_(syncs) {}

    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      ++*syncs_;
      return FSWritableFileOwnerWrapper::Sync(options, debug);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      ++*syncs_;
      return FSWritableFileOwnerWrapper::Fsync(options, debug);
    }

   private:
    std::atomic<int64_t>* const syncs_;
  };

  std::atomic<int64_t> log_syncs_ = 0;
};

std::unique_ptr<store::Store> OpenStore(const std::filesystem::path& directory,
                                        rocksdb::Env* env = nullptr) {
  store::StoreOptions options;
  options.path = directory;
  options.model_fingerprint = "bench";
  options.tokenizer_fingerprint = "bench";
  options.env = env;
  absl::StatusOr<std::unique_ptr<store::Store>> store = store::Store::Open(options);
  if (!store.ok()) Fail(store.status());
  return *std::move(store);
}

std::unique_ptr<ExperienceLog> OpenLog(store::Store* store) {
  ExperienceLogOptions options;
  options.max_waiting = int64_t{1} << 40;
  absl::StatusOr<std::unique_ptr<ExperienceLog>> log =
      ExperienceLog::Open(store, options, Clock::Real());
  if (!log.ok()) Fail(log.status());
  return *std::move(log);
}

// The limit: what the disk gives to one that writes and syncs and does nothing else.
Json Syncs(const std::filesystem::path& directory, double seconds, size_t bytes) {
  std::filesystem::create_directories(directory);
  const int file = open((directory / "file").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  if (file < 0) Fail(absl::ErrnoToStatus(errno, "open"));
  const std::string block(bytes, 'x');
  int64_t syncs = 0;
  const Stopwatch watch;
  for (; watch.Seconds() < seconds; ++syncs) {
    if (write(file, block.data(), bytes) != static_cast<ssize_t>(bytes) || fdatasync(file) != 0) {
      Fail(absl::ErrnoToStatus(errno, "write"));
    }
  }
  const double passed = watch.Seconds();
  close(file);
  return {{"bytes", bytes}, {"syncs", syncs}, {"seconds", passed}};
}

// Appends one after another until the time is over; gives how many.
int64_t CallAndWait(ExperienceLog& log, const std::string& text, const Stopwatch& watch,
                    double seconds) {
  int64_t appends = 0;
  for (; watch.Seconds() < seconds; ++appends) {
    store::ExperienceRecord record;
    record.set_text(text);
    absl::Notification durable;
    log.Append(std::move(record), [&](const absl::StatusOr<store::ExperienceRecord>& stored) {
      if (!stored.ok()) Fail(stored.status());
      durable.Notify();
    });
    durable.WaitForNotification();
  }
  return appends;
}

Json Append(const std::filesystem::path& directory, double seconds, size_t callers, size_t bytes) {
  const auto files = std::make_shared<CountingFileSystem>();
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
  const std::unique_ptr<store::Store> store = OpenStore(directory, env.get());
  const std::unique_ptr<ExperienceLog> log = OpenLog(store.get());
  const std::string text(bytes, 'x');
  std::vector<int64_t> appends(callers);
  std::vector<std::thread> threads;
  const int64_t syncs_before = files->log_syncs();
  const Stopwatch watch;
  for (int64_t& mine : appends) {
    threads.emplace_back([&] { mine = CallAndWait(*log, text, watch, seconds); });
  }
  for (std::thread& thread : threads) thread.join();
  return {{"callers", callers},
          {"bytes", bytes},
          {"appends", std::accumulate(appends.begin(), appends.end(), int64_t{0})},
          {"syncs", files->log_syncs() - syncs_before},
          {"seconds", watch.Seconds()}};
}

void Fill(store::Store& store, int64_t experiences) {
  for (int64_t done = 0; done < experiences; done += kExperiencesAtOnce) {
    const int64_t count = std::min(kExperiencesAtOnce, experiences - done);
    const absl::Status status = store.Transact([&](store::Transaction& transaction) {
      for (int64_t i = 0; i < count; ++i) {
        store::ExperienceRecord record;
        record.set_sequence(transaction.NextSequence());
        const bool ready = record.sequence() % kReadyOneIn == 0;
        record.set_state(ready ? store::STORED_STATE_READY : store::STORED_STATE_INTEGRATED);
        record.set_text(std::string(kTextBytes, 'x'));
        record.set_request_id("request-" + std::to_string(record.sequence()));
        record.set_version(ready ? 0 : 1);
        record.set_target_count(32);
        record.set_target_tokens(640);
        transaction.PutExperience(record);
      }
      return absl::OkStatus();
    });
    if (!status.ok()) Fail(status);
  }
}

Json Open(const std::filesystem::path& directory, int64_t experiences, int repeats) {
  const Stopwatch filling;
  Fill(*OpenStore(directory), experiences);
  Json line = {{"experiences", experiences}, {"fill_seconds", filling.Seconds()}};
  for (int i = 0; i < repeats; ++i) {
    const Stopwatch watch;
    const std::unique_ptr<store::Store> store = OpenStore(directory);
    line["store_seconds"].push_back(watch.Seconds());
    const std::unique_ptr<ExperienceLog> log = OpenLog(store.get());
    line["seconds"].push_back(watch.Seconds());
    if (log->last_sequence() != experiences) Fail(absl::DataLossError("experiences are missing"));
  }
  return line;
}

int Main(const std::vector<std::string>& arguments) {
  const auto number = [&](size_t place) { return std::atoll(arguments[place].c_str()); };
  const std::string mode = arguments.empty() ? "" : arguments[0];
  const size_t wanted = mode == "append" ? 5 : 4;
  if ((mode != "syncs" && mode != "append" && mode != "open") || arguments.size() != wanted) {
    std::fprintf(stderr,
                 "usage: log_bench syncs DIRECTORY SECONDS BYTES\n"
                 "       log_bench append DIRECTORY SECONDS CALLERS BYTES\n"
                 "       log_bench open DIRECTORY EXPERIENCES REPEATS\n");
    return 2;
  }
  const std::filesystem::path directory = arguments[1];
  if (std::filesystem::exists(directory)) {
    Fail(absl::AlreadyExistsError(directory.string() + " exists"));
  }
  Json line;
  if (mode == "open") {
    line = Open(directory, number(2), static_cast<int>(number(3)));
  } else {
    const double seconds = std::atof(arguments[2].c_str());
    const auto third = static_cast<size_t>(number(3));
    line = mode == "syncs" ? Syncs(directory, seconds, third)
                           : Append(directory, seconds, third, static_cast<size_t>(number(4)));
  }
  std::printf("%s\n", line.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace imprint::experience

int main(int argc, char** argv) {
  return imprint::experience::Main(std::vector<std::string>(argv + 1, argv + argc));
}
