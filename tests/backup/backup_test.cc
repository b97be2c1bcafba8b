// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A backup is of one moment, shares what it can, shows its damage, and becomes a data folder again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/file_util.h"
#include "server/backup/backup_folder.h"
#include "server/backup/backup_writer.h"
#include "server/backup/folder_lock.h"
#include "server/backup/restore.h"
#include "server/store/store.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint::backup {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using testing::HasCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsError;

bool Never() { return false; }

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    IMPRINT_ASSERT_OK(Open());
    IMPRINT_ASSERT_OK(OpenWriter());
  }

  absl::Status Open(const fs::path& data_dir, const std::string& model = "model") {
    writer_.reset();
    store_.reset();
    auto opened = store::Store::Open({.path = data_dir / "db",
                                      .model_fingerprint = model,
                                      .tokenizer_fingerprint = "tokenizer"});
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    return absl::OkStatus();
  }
  absl::Status Open() { return Open(data_dir_); }

  absl::Status OpenWriter(int keep = 0) {
    writer_.reset();
    auto writer =
        BackupWriter::Open({.folder = folder_, .data_dir = data_dir_, .keep = keep}, store_.get(),
                           [](absl::FunctionRef<absl::Status()> work) { return work(); });
    if (!writer.ok()) return writer.status();
    writer_ = *std::move(writer);
    return absl::OkStatus();
  }

  int64_t Add(const std::string& text) {
    int64_t sequence = 0;
    IMPRINT_EXPECT_OK(store_->Transact([&](store::Transaction& transaction) {
      store::ExperienceRecord record;
      sequence = transaction.NextSequence();
      record.set_sequence(sequence);
      record.set_state(store::STORED_STATE_QUEUED);
      record.set_text(text);
      transaction.PutExperience(record);
      return absl::OkStatus();
    }));
    return sequence;
  }

  void PutVersion(int number, const std::string& delta) {
    const fs::path directory = data_dir_ / "versions" / "default" / absl::StrCat("0000000", number);
    IMPRINT_ASSERT_OK(MakePrivateDirectories(directory));
    IMPRINT_ASSERT_OK(WriteFileAtomically(directory / "delta-0.safetensors", delta));
    IMPRINT_ASSERT_OK(WriteFileAtomically(directory / "manifest.json", absl::StrCat(number)));
  }

  int64_t Create() {
    const absl::StatusOr<Backup> backup = writer_->Create(Never);
    IMPRINT_EXPECT_OK(backup);
    return backup.ok() ? backup->id : -1;
  }

  std::vector<int64_t> Ids() const {
    std::vector<int64_t> ids;
    const auto backups = writer_->List();
    IMPRINT_EXPECT_OK(backups);
    if (!backups.ok()) return {-1};
    for (const Backup& backup : *backups) ids.push_back(backup.id);
    return ids;
  }

  int Blobs() const {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder_ / "blobs")) ++count;
    return count;
  }

  // Some file of the store's part with that ending.
  fs::path StoreFile(const std::string& extension) const {
    fs::path found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "store")) {
      if (entry.path().extension() == extension) found = entry.path();
    }
    return found;
  }

  static void Append(const fs::path& file) { std::ofstream(file, std::ios::app) << "x"; }
  static void FlipFirst(const fs::path& file) {
    std::string contents = ReadFile(file).value();
    contents.at(0) ^= 0x40;
    std::ofstream(file, std::ios::binary | std::ios::trunc) << contents;
  }

  testing::TempDir dir_;
  const fs::path data_dir_ = dir_ / "data";
  const fs::path folder_ = dir_ / "backups";
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<BackupWriter> writer_;
};

TEST_F(BackupTest, BecomesADataFolderAgain) {
  Add("the harbour of Wessel");
  PutVersion(1, "weights");
  IMPRINT_ASSERT_OK(WriteFileAtomically(data_dir_ / "retention.cache", "cache"));
  EXPECT_EQ(writer_->last_success_seconds(), 0);
  IMPRINT_ASSERT_OK_AND_ASSIGN(const Backup backup, writer_->Create(Never));
  EXPECT_GT(writer_->last_success_seconds(), 0);
  EXPECT_EQ(backup.note.last_sequence, 1);
  EXPECT_GT(backup.size_bytes, 0);
  Add("later");

  IMPRINT_ASSERT_OK(VerifyBackup(folder_, backup.id));
  const fs::path restored = dir_ / "restored";
  IMPRINT_ASSERT_OK(RestoreBackup(folder_, 0, restored).status());

  EXPECT_EQ(ReadFile(restored / "versions/default/00000001/delta-0.safetensors").value(),
            "weights");
  EXPECT_EQ(ReadFile(restored / "retention.cache").value(), "cache");
  IMPRINT_ASSERT_OK(CheckNotHalfRestored(restored));
  IMPRINT_ASSERT_OK(Open(restored));
  EXPECT_EQ(store_->GetCounters().last_sequence, 1);
  EXPECT_EQ(store_->GetExperience(1)->text(), "the harbour of Wessel");
  EXPECT_EQ(fs::status(restored).permissions(), fs::perms::owner_all);
}

TEST_F(BackupTest, LeavesNothingInTheDataFolder) {
  Add("text");
  Create();
  EXPECT_FALSE(fs::exists(data_dir_ / "backup.tmp"));
}

TEST_F(BackupTest, IsOfOneMomentWhileOthersWrite) {
  // Each experience is 8 KiB, and so is its twin: one of a pair alone is a torn moment.
  std::atomic<bool> stop = false;
  std::thread writing([&] {
    for (int i = 0; !stop; ++i) {
      IMPRINT_EXPECT_OK(store_->Transact([&](store::Transaction& transaction) {
        for (int twin = 0; twin < 2; ++twin) {
          store::ExperienceRecord record;
          record.set_sequence(transaction.NextSequence());
          record.set_state(store::STORED_STATE_QUEUED);
          record.set_text(std::string(8192, static_cast<char>('a' + i % 26)));
          transaction.PutExperience(record);
        }
        return absl::OkStatus();
      }));
    }
  });
  for (int round = 0; round < 5; ++round) Create();
  stop = true;
  writing.join();
  writer_.reset();
  for (int64_t id = 1; id <= 5; ++id) {
    const fs::path restored = dir_ / absl::StrCat("restored-", id);
    IMPRINT_ASSERT_OK(RestoreBackup(folder_, id, restored).status());
    IMPRINT_ASSERT_OK(Open(restored));
    const int64_t last = store_->GetCounters().last_sequence;
    EXPECT_EQ(last % 2, 0);
    for (int64_t sequence = 1; sequence <= last; ++sequence) {
      EXPECT_EQ(store_->GetExperience(sequence)->text().size(), 8192u);
    }
  }
}

TEST_F(BackupTest, SharesWhatItCan) {
  PutVersion(1, "weights");
  PutVersion(2, "weights");  // the same delta
  Add(std::string(100'000, 'x'));
  Create();
  // A delta, two manifests, a list.
  EXPECT_EQ(Blobs(), 4);
  const fs::path table = StoreFile(".sst");
  const auto time = fs::last_write_time(table);
  Add("another");
  Create();
  EXPECT_EQ(fs::last_write_time(table), time);
  EXPECT_EQ(Blobs(), 4);  // even the list is the same
}

TEST_F(BackupTest, OldOnesAreDeletedWithWhatOnlyTheyHave) {
  IMPRINT_ASSERT_OK(OpenWriter(/*keep=*/2));
  PutVersion(1, "first");
  Create();
  IMPRINT_ASSERT_OK(RemoveTree(data_dir_ / "versions"));
  PutVersion(2, "second");
  Create();
  EXPECT_EQ(Blobs(), 6);
  Create();
  EXPECT_THAT(Ids(), ElementsAre(2, 3));
  EXPECT_EQ(Blobs(), 3);
  IMPRINT_EXPECT_OK(VerifyBackup(folder_, 2));
  IMPRINT_ASSERT_OK(writer_->Delete(2));
  EXPECT_THAT(Ids(), ElementsAre(3));
  IMPRINT_EXPECT_OK(VerifyBackup(folder_, 3));
  EXPECT_THAT(writer_->Delete(2), IsError(absl::StatusCode::kNotFound, HasSubstr("there are 3")));
}

// RocksDB: a reader must not be open while backups are deleted.
TEST_F(BackupTest, NothingIsDeletedBelowAReader) {
  IMPRINT_ASSERT_OK(OpenWriter(/*keep=*/1));
  Create();
  {
    IMPRINT_ASSERT_OK_AND_ASSIGN(const auto reader, FolderLock::ToRead(folder_));
    ASSERT_NE(reader, nullptr);
    Create();
    EXPECT_THAT(Ids(), ElementsAre(1, 2));
    EXPECT_THAT(writer_->Delete(1), IsError(absl::StatusCode::kAborted, HasSubstr("reads")));
  }
  Create();
  EXPECT_THAT(Ids(), ElementsAre(3));
}

TEST_F(BackupTest, AReaderWaitsForADeletion) {
  Create();
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto deletion, FolderLock::ToDelete(folder_));
  std::atomic<bool> over = false;
  std::thread reader([&] {
    IMPRINT_EXPECT_OK(ListBackups(folder_));
    EXPECT_TRUE(over.load());
  });
  absl::SleepFor(absl::Milliseconds(50));
  over = true;
  deletion = nullptr;
  reader.join();
}

TEST_F(BackupTest, AFolderThatNoServerWritesNeedsNoFileToBeRead) {
  Create();
  writer_.reset();
  fs::remove(folder_ / "READERS");
  IMPRINT_EXPECT_OK(VerifyBackup(folder_, 1));
  IMPRINT_EXPECT_OK(RestoreBackup(folder_, 1, dir_ / "restored").status());
  EXPECT_FALSE(fs::exists(folder_ / "READERS"));
}

TEST_F(BackupTest, TheNewestIsThatOfThisStoreWhichIsThere) {
  Create();
  EXPECT_GT(writer_->last_success_seconds(), 0);
  IMPRINT_ASSERT_OK(OpenWriter());
  EXPECT_GT(writer_->last_success_seconds(), 0);
  IMPRINT_ASSERT_OK(writer_->Delete(1));
  EXPECT_EQ(writer_->last_success_seconds(), 0);
  Create();
  IMPRINT_ASSERT_OK(Open(dir_ / "another"));
  IMPRINT_ASSERT_OK(OpenWriter());
  EXPECT_EQ(writer_->last_success_seconds(), 0);
}

TEST_F(BackupTest, OneIsMadeAtATime) {
  PutVersion(1, "weights");
  Create();
  absl::Notification asked, over;
  std::thread other([&] {
    IMPRINT_EXPECT_OK(writer_->Create([&] {
      if (!asked.HasBeenNotified()) asked.Notify();
      over.WaitForNotification();
      return false;
    }));
  });
  asked.WaitForNotification();
  EXPECT_THAT(writer_->Create(Never), HasCode(absl::StatusCode::kAborted));
  EXPECT_THAT(writer_->Delete(1), HasCode(absl::StatusCode::kAborted));
  over.Notify();
  other.join();
}

TEST_F(BackupTest, OneThatIsStoppedDoesNotCount) {
  PutVersion(1, "weights");
  EXPECT_THAT(writer_->Create([] { return true; }), HasCode(absl::StatusCode::kCancelled));
  EXPECT_THAT(Ids(), IsEmpty());
  EXPECT_FALSE(fs::exists(data_dir_ / "backup.tmp"));
  EXPECT_EQ(Create(), 1);
}

TEST_F(BackupTest, TwoServersDoNotShareAFolder) {
  auto another = BackupWriter::Open({.folder = folder_, .data_dir = dir_ / "other"}, store_.get(),
                                    [](absl::FunctionRef<absl::Status()> work) { return work(); });
  EXPECT_THAT(another, IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("LOCK")));
}

TEST_F(BackupTest, AFolderWithinTheDataFolderIsRefused) {
  for (const fs::path& inner : {data_dir_, data_dir_ / "versions" / "backups"}) {
    auto writer = BackupWriter::Open({.folder = inner, .data_dir = data_dir_}, store_.get(),
                                     [](absl::FunctionRef<absl::Status()> work) { return work(); });
    EXPECT_THAT(writer, IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("data folder")));
  }
}

TEST_F(BackupTest, AFolderWithBackupsOfAnotherStoreIsRefused) {
  Create();
  IMPRINT_ASSERT_OK(Open(dir_ / "another"));
  IMPRINT_ASSERT_OK(OpenWriter());
  EXPECT_THAT(writer_->Create(Never),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("another store")));
}

TEST_F(BackupTest, ARestoredStoreGoesOnInTheSameFolder) {
  Create();
  writer_.reset();
  IMPRINT_ASSERT_OK(RestoreBackup(folder_, 1, dir_ / "restored").status());
  IMPRINT_ASSERT_OK(Open(dir_ / "restored"));
  IMPRINT_ASSERT_OK(OpenWriter());
  EXPECT_EQ(Create(), 2);
}

TEST_F(BackupTest, AFolderInUseIsNotRestoredInto) {
  Create();
  EXPECT_THAT(RestoreBackup(folder_, 0, data_dir_),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("move the folder away")));
  EXPECT_THAT(RestoreBackup(folder_, 9, dir_ / "x"),
              IsError(absl::StatusCode::kNotFound, HasSubstr("there are 1")));
  EXPECT_THAT(RestoreBackup(dir_ / "none", 0, dir_ / "x"), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(BackupTest, ARestoreThatWasCutShortIsSeenAndBegunAgain) {
  PutVersion(1, "weights");
  Create();
  const fs::path restored = dir_ / "restored";
  IMPRINT_ASSERT_OK(MakePrivateDirectories(restored / kRestoring));
  IMPRINT_ASSERT_OK(MakePrivateDirectories(restored / "versions" / "default" / "00000009"));

  EXPECT_THAT(CheckNotHalfRestored(restored),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("half restored")));
  IMPRINT_ASSERT_OK(RestoreBackup(folder_, 0, restored).status());
  IMPRINT_EXPECT_OK(CheckNotHalfRestored(restored));
  EXPECT_FALSE(fs::exists(restored / "versions" / "default" / "00000009"));
}

TEST_F(BackupTest, DamageIsFoundAndNothingHalfIsRestored) {
  PutVersion(1, "weights");
  Add(std::string(10'000, 'x'));
  Create();
  fs::path delta;
  for (const auto& entry : fs::directory_iterator(folder_ / "blobs")) {
    if (entry.file_size() == 7) delta = entry.path();
  }
  FlipFirst(delta);
  EXPECT_THAT(VerifyBackup(folder_, 1),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("delta-0.safetensors")));
  EXPECT_THAT(RestoreBackup(folder_, 0, dir_ / "restored"), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(fs::exists(dir_ / "restored" / "db"));
  // The next one does not rely on it.
  Create();
  IMPRINT_EXPECT_OK(VerifyBackup(folder_, 2));
}

TEST_F(BackupTest, ADamagedTableIsFound) {
  Add(std::string(10'000, 'x'));
  Create();
  Append(StoreFile(".sst"));
  EXPECT_THAT(VerifyBackup(folder_, 1), HasCode(absl::StatusCode::kDataLoss));
  FlipFirst(StoreFile(".sst"));
  EXPECT_THAT(VerifyBackup(folder_, 1), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_THAT(RestoreBackup(folder_, 0, dir_ / "restored"), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(BackupTest, AMissingTableShowsInTheList) {
  Add(std::string(10'000, 'x'));
  Create();
  fs::remove(StoreFile(".sst"));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto backups, ListBackups(folder_));
  ASSERT_EQ(backups.size(), 1u);
  EXPECT_THAT(backups[0].damage, HasCode(absl::StatusCode::kDataLoss));
  EXPECT_THAT(RestoreBackup(folder_, 1, dir_ / "restored"), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(BackupTest, NothingIsPurgedUntilTheLinksAreGone) {
  const int64_t sequence = Add("a secret");
  IMPRINT_ASSERT_OK(store_->Transact([&](store::Transaction& transaction) {
    store::ExperienceRecord record;
    record.set_sequence(sequence);
    record.set_state(store::STORED_STATE_FORGOTTEN);
    transaction.PutExperience(record);
    return absl::OkStatus();
  }));
  std::atomic<bool> cancelled = false;
  {
    IMPRINT_ASSERT_OK_AND_ASSIGN(const auto hold, store_->HoldPurges(Never));
    IMPRINT_ASSERT_OK(store_->Purge(&cancelled));
    EXPECT_THAT(store_->ListPurges()->sequences, ElementsAre(sequence));
  }
  IMPRINT_ASSERT_OK(store_->Purge(&cancelled));
  EXPECT_THAT(store_->ListPurges()->sequences, IsEmpty());
}

TEST_F(BackupTest, VersionsAreLinkedAtRest) {
  bool seen = false;
  writer_.reset();
  auto writer = BackupWriter::Open({.folder = folder_, .data_dir = data_dir_}, store_.get(),
                                   [&](absl::FunctionRef<absl::Status()> work) {
                                     PutVersion(1, "just in time");
                                     const absl::Status done = work();
                                     IMPRINT_EXPECT_OK(RemoveTree(data_dir_ / "versions"));
                                     seen = true;
                                     return done;
                                   });
  IMPRINT_ASSERT_OK(writer);
  IMPRINT_ASSERT_OK((*writer)->Create(Never).status());
  EXPECT_TRUE(seen);
  IMPRINT_ASSERT_OK(RestoreBackup(folder_, 0, dir_ / "restored").status());
  EXPECT_EQ(ReadFile(dir_ / "restored/versions/default/00000001/delta-0.safetensors").value(),
            "just in time");
}

}  // namespace
}  // namespace imprint::backup
