// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A store in a folder of its own, on a file system that can fail, for the tests of store
// and experience.

#ifndef IMPRINT_TESTS_STORE_STORE_FIXTURE_H_
#define IMPRINT_TESTS_STORE_STORE_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/file_util.h"
#include "rocksdb/write_batch.h"
#include "server/store/database.h"
#include "server/store/keys.h"
#include "server/store/store.h"
#include "tests/fakes/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint::store {

inline TargetRecord Target(const std::string& text) {
  TargetRecord target;
  target.set_text(text);
  return target;
}

inline std::vector<std::string> Texts(const std::vector<TargetRecord>& targets) {
  std::vector<std::string> texts;
  for (const TargetRecord& target : targets) texts.push_back(target.text());
  return texts;
}

class StoreFixture : public ::testing::Test {
 protected:
  StoreOptions Options() const {
    return {.path = path(),
            .model_fingerprint = "model-a",
            .tokenizer_fingerprint = "tokenizer-a",
            .env = env_.get()};
  }

  // Opens store_, closing it first where it is open.
  absl::Status Open() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(Options());
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    return absl::OkStatus();
  }

  // What a machine's crash leaves: nothing more is written, and what was not synced is gone.
  void Crash() {
    fs_->Fail(fakes::Fault::kWrites);
    store_.reset();
    fs_->DropUnsynced();
    fs_->Heal();
  }

  std::filesystem::path path() const { return dir_ / "store"; }

  // The newest file of a kind; empty: there is none.
  std::filesystem::path Newest(const std::string& begin, const std::string& extension) {
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(begin) && entry.path().extension() == extension &&
          entry.path() > newest) {
        newest = entry.path();
      }
    }
    return newest;
  }

  static void Flip(const std::filesystem::path& file, int64_t offset) {
    std::string contents = ReadFile(file).value();
    contents.at(offset) ^= 0x40;
    std::ofstream(file, std::ios::binary | std::ios::trunc) << contents;
  }

  // The largest table; empty: there is none.
  std::filesystem::path LargestTable() {
    std::filesystem::path largest;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      if (entry.path().extension() != ".sst") continue;
      if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest)) {
        largest = entry.path();
      }
    }
    return largest;
  }

  // Closes the store and changes a row behind its back; nullopt: deletes it.
  void ChangeRow(Family family, const std::string& key, const std::optional<std::string>& value) {
    store_.reset();
    absl::StatusOr<std::unique_ptr<Database>> database =
        Database::Open(Options().path, nullptr, Database::Access::kReadWrite);
    IMPRINT_ASSERT_OK(database);
    rocksdb::WriteBatch batch;
    if (value.has_value()) {
      batch.Put((*database)->handle(family), key, *value);
    } else {
      batch.Delete((*database)->handle(family), key);
    }
    IMPRINT_ASSERT_OK((*database)->Write(&batch));
  }

  absl::Status Transact(absl::FunctionRef<void(Transaction&)> stage) {
    return store_->Transact([&](Transaction& transaction) {
      stage(transaction);
      return absl::OkStatus();
    });
  }

  std::vector<int64_t> InState(StoredState state) {
    absl::StatusOr<std::vector<int64_t>> sequences = store_->ListByState(state, 0, 1000);
    EXPECT_THAT(sequences, testing::IsOk());
    return sequences.value_or(std::vector<int64_t>{-1});
  }

  // A new experience in `state`; its sequence.
  int64_t Add(StoredState state, const std::string& text = "text",
              const std::string& request_id = "") {
    int64_t sequence = 0;
    const absl::Status added = store_->Transact([&](Transaction& transaction) {
      ExperienceRecord record;
      sequence = transaction.NextSequence();
      record.set_sequence(sequence);
      record.set_state(state);
      record.set_text(text);
      record.set_request_id(request_id);
      transaction.PutExperience(record);
      return absl::OkStatus();
    });
    EXPECT_THAT(added, testing::IsOk());
    return sequence;
  }

  testing::TempDir dir_;
  std::shared_ptr<fakes::FaultyFileSystem> fs_ = std::make_shared<fakes::FaultyFileSystem>();
  std::unique_ptr<rocksdb::Env> env_ = fakes::FaultyFileSystem::MakeEnv(fs_);
  std::unique_ptr<Store> store_;
};

}  // namespace imprint::store

#endif  // IMPRINT_TESTS_STORE_STORE_FIXTURE_H_
