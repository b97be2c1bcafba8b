// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a store refuses to open, and what it says then.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "common/file_util.h"
#include "rocksdb/db.h"
#include "server/store/database.h"
#include "server/store/keys.h"
#include "tests/store/store_fixture.h"

namespace imprint::store {
namespace {

using ::testing::AllOf;
using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;

class StoreOpenTest : public StoreFixture {
 protected:
  void SetUp() override { IMPRINT_ASSERT_OK(Open()); }

  void PutMeta(const std::string& key, const std::string& value) {
    ChangeRow(Family::kMeta, key, value);
  }
};

TEST_F(StoreOpenTest, TheFolderIsPrivate) {
  struct stat info = {};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(StoreOpenTest, AStoreInUseIsRefused) {
  EXPECT_THAT(Store::Open(Options()), IsError(absl::StatusCode::kFailedPrecondition,
                                              AllOf(HasSubstr(path().string()), HasSubstr("in use"),
                                                    HasSubstr("--data_dir"))));
  // And the first one goes on.
  EXPECT_EQ(Add(STORED_STATE_QUEUED), 1);
}

TEST_F(StoreOpenTest, AStoreOfAnotherModelIsRefused) {
  store_.reset();
  StoreOptions options = Options();
  options.model_fingerprint = "model-b";
  EXPECT_THAT(Store::Open(options), IsError(absl::StatusCode::kFailedPrecondition,
                                            AllOf(HasSubstr("another model"), HasSubstr("model-a"),
                                                  HasSubstr("model-b"), HasSubstr("--data_dir"))));
}

TEST_F(StoreOpenTest, AStoreOfAnotherTokenizerIsRefused) {
  store_.reset();
  StoreOptions options = Options();
  options.tokenizer_fingerprint = "tokenizer-b";
  EXPECT_THAT(Store::Open(options),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("another tokenizer")));
}

TEST_F(StoreOpenTest, ANewerFormatIsRefused) {
  MetaRecord meta;
  meta.set_format_version(kFormatVersion + 1);
  PutMeta(MetaKey(), meta.SerializeAsString());
  EXPECT_THAT(Open(), IsError(absl::StatusCode::kFailedPrecondition,
                              AllOf(HasSubstr("format 2"), HasSubstr("newer server"))));
}

TEST_F(StoreOpenTest, ANewerFormatWithFamiliesOfItsOwnIsRefusedAsSuch) {
  MetaRecord meta;
  meta.set_format_version(kFormatVersion + 1);
  PutMeta(MetaKey(), meta.SerializeAsString());
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), path().string(), &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) {
    families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  }
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  ASSERT_TRUE(
      rocksdb::DB::Open(rocksdb::DBOptions(), path().string(), families, &handles, &db).ok());
  rocksdb::ColumnFamilyHandle* added = nullptr;
  ASSERT_TRUE(db->CreateColumnFamily(rocksdb::ColumnFamilyOptions(), "later", &added).ok());
  db->DestroyColumnFamilyHandle(added);
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  delete db;

  EXPECT_THAT(Open(), IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("newer server")));
}

TEST_F(StoreOpenTest, CountersBehindTheRowsAreDataLoss) {
  Add(STORED_STATE_QUEUED);
  PutMeta(CountersKey(), CountersRecord().SerializeAsString());
  EXPECT_THAT(Open(), IsError(absl::StatusCode::kDataLoss,
                              AllOf(HasSubstr("experiences"), HasSubstr("counter"))));
}

TEST_F(StoreOpenTest, RowsWithoutTheirMetaRowAreDataLoss) {
  Add(STORED_STATE_QUEUED);
  PutMeta(MetaKey(), "\xff\xff");
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(StoreOpenTest, AMissingContentIsDataLossWhereItIsRead) {
  Add(STORED_STATE_QUEUED);
  Add(STORED_STATE_QUEUED);
  ChangeRow(Family::kContents, NumberKey(1), std::nullopt);
  IMPRINT_ASSERT_OK(Open());
  EXPECT_THAT(store_->GetExperience(1),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("content of experiences/1")));
  EXPECT_THAT(store_->GetExperiences({1, 2}), HasCode(absl::StatusCode::kDataLoss));
  IMPRINT_EXPECT_OK(store_->GetExperience(2));
}

TEST_F(StoreOpenTest, ARowThatIsNoRecordIsDataLossWhereItIsRead) {
  Add(STORED_STATE_QUEUED);
  ChangeRow(Family::kExperiences, NumberKey(1), "\xff\xff\xff");
  IMPRINT_ASSERT_OK(Open());
  EXPECT_THAT(store_->GetExperience(1),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("row 1 of experiences")));
}

TEST_F(StoreOpenTest, AMissingTargetIsDataLossWhereItIsRead) {
  IMPRINT_ASSERT_OK(store_->Transact([](Transaction& transaction) {
    transaction.PutTargets(1, std::vector<TargetRecord>(3));
    return absl::OkStatus();
  }));
  ChangeRow(Family::kTargets, TargetKey(1, 1), std::nullopt);
  IMPRINT_ASSERT_OK(Open());
  EXPECT_THAT(store_->GetTargets(1),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("target 1 of experiences/1")));
}

TEST_F(StoreOpenTest, AFlippedByteInATableIsDataLoss) {
  for (int i = 0; i < 50; ++i) Add(STORED_STATE_QUEUED, std::string(1000, 'a' + i % 26));
  // Opening writes what the log holds to tables.
  IMPRINT_ASSERT_OK(Open());
  store_.reset();
  ASSERT_FALSE(LargestTable().empty());
  Flip(LargestTable(), 100);

  const absl::Status opened = Open();
  // The damage may show at once, or with the first read of the row.
  std::vector<int64_t> all(50);
  std::iota(all.begin(), all.end(), 1);
  const absl::Status seen = opened.ok() ? store_->GetExperiences(all).status() : opened;

  EXPECT_THAT(seen, IsError(absl::StatusCode::kDataLoss,
                            AllOf(HasSubstr(path().string()), HasSubstr("backup"))));
}

TEST_F(StoreOpenTest, AMissingTableIsDataLoss) {
  Add(STORED_STATE_QUEUED);
  IMPRINT_ASSERT_OK(Open());
  store_.reset();
  const std::filesystem::path table = Newest("", ".sst");
  ASSERT_FALSE(table.empty());
  std::filesystem::remove(table);

  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(StoreOpenTest, AFlippedByteInTheMiddleOfTheLogIsDataLoss) {
  for (int i = 0; i < 50; ++i) Add(STORED_STATE_QUEUED, std::string(1000, 'x'));
  store_.reset();
  Flip(Newest("", ".log"), 20'000);

  EXPECT_THAT(Open(), IsError(absl::StatusCode::kDataLoss,
                              AllOf(HasSubstr(path().string()), HasSubstr("move it away"))));
}

TEST_F(StoreOpenTest, AMissingCurrentFileIsNotTakenForANewStore) {
  Add(STORED_STATE_QUEUED);
  store_.reset();
  std::filesystem::remove(path() / "CURRENT");

  EXPECT_THAT(Open(), IsError(absl::StatusCode::kDataLoss, HasSubstr("CURRENT")));
  // Nothing was thrown away.
  EXPECT_FALSE(Newest("", ".log").empty());
}

TEST_F(StoreOpenTest, AMissingManifestIsDataLoss) {
  Add(STORED_STATE_QUEUED);
  store_.reset();
  std::filesystem::remove(Newest("MANIFEST-", ""));
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(StoreOpenTest, ATruncatedManifestIsDataLoss) {
  Add(STORED_STATE_QUEUED);
  store_.reset();
  std::filesystem::resize_file(Newest("MANIFEST-", ""), 10);
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(StoreOpenTest, AFileInThePlaceOfTheFolderIsRefused) {
  IMPRINT_ASSERT_OK(WriteFileAtomically(dir_ / "file", "x"));
  StoreOptions options = Options();
  options.path = dir_ / "file";
  EXPECT_THAT(Store::Open(options),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("not a folder")));
}

// A crash between making the database and writing whose it is.
TEST_F(StoreOpenTest, AStoreThatWasOnlyJustMadeIsTakenUp) {
  store_.reset();
  IMPRINT_ASSERT_OK(RemoveTree(path()));
  {
    absl::StatusOr<std::unique_ptr<Database>> database =
        Database::Open(path(), nullptr, Database::Access::kReadWrite);
    IMPRINT_ASSERT_OK(database);
  }
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(Add(STORED_STATE_QUEUED), 1);
}

}  // namespace
}  // namespace imprint::store
