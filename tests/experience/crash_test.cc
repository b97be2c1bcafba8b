// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a log is after it did not end in order.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "tests/experience/log_fixture.h"

namespace imprint::experience {
namespace {

using testing::IsOk;

class CrashTest : public LogFixture {
 protected:
  // The write-ahead log that is being written.
  static std::filesystem::path LogFile(const std::filesystem::path& folder) {
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".log" && entry.path() > newest) newest = entry.path();
    }
    return newest;
  }

  // A copy of the store's folder as it is on the disk now, while the store is open.
  std::filesystem::path TakeImage(const std::string& name) {
    const std::filesystem::path image = dir_ / name;
    std::filesystem::copy(dir_ / "store", image);
    return image;
  }

  // Opens an image beside the running store; null: it was refused.
  struct Opened {
    std::unique_ptr<store::Store> store;
    std::unique_ptr<ExperienceLog> log;
  };
  Opened OpenImage(const std::filesystem::path& image) {
    Opened opened;
    store::StoreOptions options = Options();
    options.path = image;
    absl::StatusOr<std::unique_ptr<store::Store>> store = store::Store::Open(options);
    EXPECT_THAT(store, IsOk());
    if (!store.ok()) return opened;
    opened.store = *std::move(store);
    absl::StatusOr<std::unique_ptr<ExperienceLog>> log =
        ExperienceLog::Open(opened.store.get(), options_, &clock_);
    EXPECT_THAT(log, IsOk());
    if (log.ok()) opened.log = *std::move(log);
    return opened;
  }
};

TEST_F(CrashTest, AnImageOfARunningLogHoldsAllThatWasAcknowledged) {
  AppendInState(store::STORED_STATE_INTEGRATED);
  AppendInState(store::STORED_STATE_READY);
  AppendInState(store::STORED_STATE_QUEUED);

  Opened opened = OpenImage(TakeImage("image"));

  ASSERT_NE(opened.log, nullptr);
  EXPECT_EQ(opened.log->last_sequence(), 3);
  EXPECT_EQ(opened.log->Counts().integrated, 1);
  EXPECT_EQ(opened.log->Counts().ready, 1);
  EXPECT_EQ(opened.log->NextQueued(0), 3);
  EXPECT_EQ(opened.store->GetCurrentVersion().value(), 1);
}

// Cut anywhere, the log holds what was acknowledged before, and goes on from there.
TEST_F(CrashTest, ATornTailCostsNothingThatWasAcknowledgedBefore) {
  constexpr int kAppends = 6;
  std::vector<uint64_t> ends;  // of the file, after each append
  for (int i = 0; i < kAppends; ++i) {
    IMPRINT_ASSERT_OK(Append(*log_, MakeRecord("text " + std::to_string(i))));
    ends.push_back(std::filesystem::file_size(LogFile(dir_ / "store")));
  }
  std::vector<uint64_t> cuts;
  for (int i = 3; i < kAppends; ++i) {
    // The last append at every byte.
    const uint64_t step = i == kAppends - 1 ? 1 : 29;
    for (uint64_t cut = ends[i - 1]; cut < ends[i]; cut += step) cuts.push_back(cut);
    cuts.push_back(ends[i] - 1);
  }
  cuts.push_back(ends.back());
  for (uint64_t cut : cuts) {
    SCOPED_TRACE(cut);
    const std::filesystem::path image = TakeImage("image-" + std::to_string(cut));
    std::filesystem::resize_file(LogFile(image), cut);
    int64_t acknowledged = 0;
    while (acknowledged < kAppends && ends[acknowledged] <= cut) ++acknowledged;

    Opened opened = OpenImage(image);

    ASSERT_NE(opened.log, nullptr);
    EXPECT_EQ(opened.log->last_sequence(), acknowledged);
    IMPRINT_ASSERT_OK_AND_ASSIGN(const auto listing, opened.log->List({}, 0, 100));
    const auto& records = listing.records;
    ASSERT_EQ(records.size(), static_cast<size_t>(acknowledged));
    for (int i = 0; i < acknowledged; ++i) {
      EXPECT_EQ(records[i].text(), "text " + std::to_string(i));
    }
    IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord next,
                                 Append(*opened.log, MakeRecord("next")));
    EXPECT_EQ(next.sequence(), acknowledged + 1);
    opened.log.reset();
    opened.store.reset();
    std::filesystem::remove_all(image);
  }
}

TEST_F(CrashTest, APowerLossInAStormLosesNothingThatWasAcknowledged) {
  std::mt19937 random(7);
  std::map<std::string, int64_t> acknowledged;
  for (int round = 0; round < 8; ++round) {
    std::vector<std::pair<std::string, std::future<AppendResult>>> appends;
    const int count = std::uniform_int_distribution<int>(1, 1000)(random);
    for (int i = 0; i < count; ++i) {
      const std::string id = std::to_string(round) + "/" + std::to_string(i);
      appends.emplace_back(id, BeginAppend(*log_, MakeRecord("text of " + id, id)));
    }
    // Wait for some; the rest meets the end of the disk at any stage.
    const int wait_for = std::uniform_int_distribution<int>(0, count - 1)(random);
    appends[wait_for].second.wait();
    fs_->Fail(fakes::Fault::kWrites);
    for (auto& [id, append] : appends) {
      AppendResult result = append.get();
      if (result.ok()) acknowledged[id] = result->sequence();
    }
    CrashLog();
    IMPRINT_ASSERT_OK(OpenLog());

    std::map<int64_t, std::string> ids;
    IMPRINT_ASSERT_OK_AND_ASSIGN(const auto listing, log_->List({}, 0, 100'000));
    for (const store::ExperienceRecord& record : listing.records) {
      EXPECT_EQ(record.text(), "text of " + record.request_id());
      ids[record.sequence()] = record.request_id();
    }
    EXPECT_EQ(ids.size(), static_cast<size_t>(log_->last_sequence()));
    for (const auto& [id, sequence] : acknowledged) EXPECT_EQ(ids[sequence], id);
  }
  EXPECT_FALSE(acknowledged.empty());
}

}  // namespace
}  // namespace imprint::experience
