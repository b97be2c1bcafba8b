// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the version manager does when disk and files fail.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/version/version_fixture.h"

namespace imprint::version {
namespace {

// What this thread asks of the disk while it lives, in order: "sync FILE" and "rename FROM TO", the
// paths below `folder`. What is not synced can be lost with the power, and no test can have that.
class DiskOrder {
 public:
  explicit DiskOrder(const std::filesystem::path& folder)
      : folder_(std::filesystem::canonical(folder)) {
    watching_ = this;
  }
  ~DiskOrder() { watching_ = nullptr; }
  DiskOrder(const DiskOrder&) = delete;
  DiskOrder& operator=(const DiskOrder&) = delete;

  const std::vector<std::string>& seen() const { return seen_; }

  static void NoteSync(int fd) {
    if (watching_ == nullptr) return;
    const auto path = std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", fd));
    watching_->seen_.push_back(absl::StrCat("sync ", watching_->Name(path)));
  }
  static void NoteRename(const char* from, const char* to) {
    if (watching_ == nullptr) return;
    watching_->seen_.push_back(
        absl::StrCat("rename ", watching_->Name(from), " ", watching_->Name(to)));
  }

 private:
  std::string Name(const std::filesystem::path& path) const {
    return std::filesystem::weakly_canonical(path).lexically_relative(folder_).string();
  }

  static thread_local DiskOrder* watching_;

  const std::filesystem::path folder_;
  std::vector<std::string> seen_;
};

thread_local DiskOrder* DiskOrder::watching_ = nullptr;

}  // namespace
}  // namespace imprint::version

// In the place of the C library's, for the whole program.
extern "C" int fsync(int fd) {
  imprint::version::DiskOrder::NoteSync(fd);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
extern "C" int rename(const char* from, const char* to) noexcept {
  imprint::version::DiskOrder::NoteRename(from, to);
  return ::renameat(AT_FDCWD, from, AT_FDCWD, to);
}

namespace imprint::version {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::imprint::testing::IsOk;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using VersionDamageTest = VersionFixture;

constexpr char kDelta[] = "delta-0.safetensors";

// One way for the files of a version to be broken.
struct Damage {
  const char* name;
  std::function<void(const std::filesystem::path& directory)> inflict;
  const char* named;  // the file that the error must name
};

void Overwrite(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

std::vector<Damage> AllDamage() {
  namespace fs = std::filesystem;
  return {
      {"TensorByteFlipped",
       [](const fs::path& directory) {
         std::fstream file(directory / kDelta, std::ios::in | std::ios::out | std::ios::binary);
         file.seekp(-5, std::ios::end);
         file.put('\x5a');
       },
       kDelta},
      {"TensorFileTruncated",
       [](const fs::path& directory) {
         fs::resize_file(directory / kDelta, fs::file_size(directory / kDelta) - 4);
       },
       kDelta},
      {"TensorFileEmpty", [](const fs::path& directory) { fs::resize_file(directory / kDelta, 0); },
       kDelta},
      {"TensorFileMissing", [](const fs::path& directory) { fs::remove(directory / kDelta); },
       kDelta},
      {"ManifestMissing",
       [](const fs::path& directory) { fs::remove(directory / "manifest.json"); }, "manifest.json"},
      {"ManifestTruncated",
       [](const fs::path& directory) { fs::resize_file(directory / "manifest.json", 40); },
       "manifest.json"},
      {"ManifestOfAnother",
       [](const fs::path& directory) {
         Overwrite(directory / "manifest.json",
                   R"({"format_version":1,"number":77,"parent":0,"model_fingerprint":"model",)"
                   R"("deltas":[]})");
       },
       "manifest.json"},
      {"DirectoryMissing", [](const fs::path& directory) { fs::remove_all(directory); },
       "manifest.json"},
  };
}

class BrokenFilesTest : public VersionFixture, public ::testing::WithParamInterface<Damage> {};

TEST_P(BrokenFilesTest, OpenRefusesNamingTheFileAndTheWayOut) {
  Publish({1});
  const int64_t broken = Publish({2});

  GetParam().inflict(DirectoryOf(broken));

  EXPECT_THAT(Open(),
              IsError(absl::StatusCode::kDataLoss,
                      AllOf(HasSubstr("versions/2"), HasSubstr(GetParam().named),
                            HasSubstr("versions/1"), HasSubstr("--version.rollback_when_broken"))));
}

TEST_P(BrokenFilesTest, OpenGoesBackDurablyWhenTold) {
  const int64_t good = Publish({1});
  GetParam().inflict(DirectoryOf(Publish({2})));

  options_.rollback_when_broken = true;
  IMPRINT_ASSERT_OK(Open());

  EXPECT_EQ(manager_->current()->number, good);
  EXPECT_THAT(manager_->Contained(), ElementsAre(1));
  options_.rollback_when_broken = false;
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(manager_->current()->number, good);
}

TEST_P(BrokenFilesTest, RollbackToItIsRefusedAndServingGoesOn) {
  const int64_t broken = Publish({1});
  const int64_t current = Publish({2});
  GetParam().inflict(DirectoryOf(broken));

  EXPECT_THAT(manager_->Rollback(broken, StageNothing),
              IsError(absl::StatusCode::kDataLoss, HasSubstr(GetParam().named)));

  EXPECT_EQ(manager_->current()->number, current);
  EXPECT_TRUE(manager_->Contains(2));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const int64_t durable, store_->GetCurrentVersion());
  EXPECT_EQ(durable, current);
}

INSTANTIATE_TEST_SUITE_P(All, BrokenFilesTest, ::testing::ValuesIn(AllDamage()),
                         [](const auto& damage) { return std::string(damage.param.name); });

TEST_F(VersionDamageTest, BaseIsTheLastResort) {
  std::filesystem::remove_all(DirectoryOf(Publish({1})));

  options_.rollback_when_broken = true;
  IMPRINT_ASSERT_OK(Open());

  EXPECT_EQ(manager_->current(), manager_->base());
}

TEST_F(VersionDamageTest, VersionOfAnotherModelIsRefused) {
  Publish();
  options_.model_fingerprint = "another model";

  EXPECT_THAT(Open(), IsError(absl::StatusCode::kFailedPrecondition,
                              AllOf(HasSubstr("manifest.json"), HasSubstr("--model"))));
}

TEST_F(VersionDamageTest, VersionOfANewerFormatIsRefused) {
  const int64_t number = Publish();
  Overwrite(DirectoryOf(number) / "manifest.json", R"({"format_version": 99})");
  options_.rollback_when_broken = true;  // it is whole: nothing to go back from

  EXPECT_THAT(Open(), IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("newer")));
}

TEST_F(VersionDamageTest, OrphansOfACrashAreRemovedAtOpen) {
  const int64_t kept = Publish();
  const auto saved = MakeCandidate();
  IMPRINT_ASSERT_OK(manager_->Save(*saved));  // and the server ends before the commit
  std::filesystem::create_directories(options_.directory / "00000009.tmp" / "deep");
  std::filesystem::create_directories(options_.directory / "lost+found");

  IMPRINT_ASSERT_OK(Open());

  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(saved->number)));
  EXPECT_FALSE(std::filesystem::exists(options_.directory / "00000009.tmp"));
  EXPECT_TRUE(std::filesystem::exists(options_.directory / "lost+found"));
  EXPECT_EQ(manager_->current()->number, kept);
}

TEST_F(VersionDamageTest, DeletionThatACrashCutShortIsFinishedAtOpen) {
  Publish();
  Publish();
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::VersionRecord row, store_->GetVersion(1));
  row.set_dropped(true);
  IMPRINT_ASSERT_OK(store_->Transact([&row](store::Transaction& transaction) {
    transaction.PutVersion(row);
    return absl::OkStatus();
  }));

  IMPRINT_ASSERT_OK(Open());

  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(1)));
  EXPECT_EQ(manager_->current()->number, 2);
}

// No file may grow beyond a few hundred bytes while it lives, as on a full disk.
class FullDisk {
 public:
  FullDisk() {
    getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = signal(SIGXFSZ, SIG_IGN);
    rlimit small = before_;
    small.rlim_cur = 512;
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_;
  void (*handler_)(int);
};

TEST_F(VersionDamageTest, FullDiskWhileSavingLeavesNothingBehind) {
  const int64_t current = Publish();
  const auto candidate = MakeCandidate();

  absl::StatusOr<int64_t> saved = 0;
  {
    const FullDisk full;
    saved = manager_->Save(*candidate);
  }

  EXPECT_THAT(saved, Not(IsOk()));
  EXPECT_THAT(std::string(saved.status().message()), HasSubstr("versions/2"));
  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(2)));
  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(2).string() + ".tmp"));
  EXPECT_EQ(manager_->current()->number, current);
  IMPRINT_EXPECT_OK(manager_->Save(*candidate));
  IMPRINT_EXPECT_OK(Commit(candidate));
}

TEST_F(VersionDamageTest, FilesAreOnTheDiskBeforeTheyHaveTheirNames) {
  Publish();
  const auto candidate = MakeCandidate();

  const DiskOrder order(options_.directory);
  IMPRINT_ASSERT_OK(manager_->Save(*candidate));

  EXPECT_THAT(order.seen(),
              ElementsAre("sync .",  // the folder is made in it
                          "sync 00000002.tmp/delta-0.safetensors", "sync 00000002.tmp",
                          "sync 00000002.tmp/manifest.json.tmp",
                          "rename 00000002.tmp/manifest.json.tmp 00000002.tmp/manifest.json",
                          "sync 00000002.tmp", "rename 00000002.tmp 00000002", "sync ."));
}

class FailedCommitTest : public VersionFixture, public ::testing::WithParamInterface<fakes::Fault> {
 protected:
  FailedCommitTest() { env_ = fakes::FaultyFileSystem::MakeEnv(file_system_); }
  ~FailedCommitTest() override {
    manager_.reset();
    store_.reset();
  }

  std::shared_ptr<fakes::FaultyFileSystem> file_system_ =
      std::make_shared<fakes::FaultyFileSystem>();
};

TEST_P(FailedCommitTest, TruthIsReadBackAndSurvivesReopening) {
  Publish({1});
  const auto candidate = MakeCandidate();
  IMPRINT_ASSERT_OK(manager_->Save(*candidate));

  file_system_->Fail(GetParam());
  const absl::Status failed = Commit(candidate, {2});
  file_system_->Heal();
  IMPRINT_ASSERT_OK(manager_->Settle());

  IMPRINT_ASSERT_OK_AND_ASSIGN(const int64_t durable, store_->GetCurrentVersion());
  EXPECT_EQ(manager_->current()->number, durable);
  EXPECT_EQ(manager_->Contains(2), durable == 2);
  if (failed.ok()) {
    EXPECT_EQ(durable, 2);
  }
  if (durable == 1) {
    IMPRINT_EXPECT_OK(Commit(candidate, {2}));
  }
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(manager_->current()->number, 2);
  EXPECT_THAT(manager_->Contained(), ElementsAre(1, 2));
}

class UnknownCommitTest : public FailedCommitTest {};

TEST_P(UnknownCommitTest, NothingIsSwitchedWhileTheOutcomeIsUnknown) {
  const int64_t first = Publish({1});
  const auto candidate = MakeCandidate();
  IMPRINT_ASSERT_OK(manager_->Save(*candidate));
  file_system_->Fail(GetParam());
  EXPECT_THAT(Commit(candidate, {2}), HasCode(absl::StatusCode::kUnknown));

  EXPECT_THAT(manager_->Rollback(0, StageNothing), Not(IsOk()));
  EXPECT_EQ(manager_->current()->number, first);

  file_system_->Heal();
  IMPRINT_EXPECT_OK(manager_->Rollback(0, StageNothing));
  EXPECT_EQ(manager_->current(), manager_->base());
}

INSTANTIATE_TEST_SUITE_P(Faults, FailedCommitTest,
                         ::testing::Values(fakes::Fault::kWrites, fakes::Fault::kLogSyncs,
                                           fakes::Fault::kHalfLogWrites));
// With the other faults the store can be opened again, and tells.
INSTANTIATE_TEST_SUITE_P(Faults, UnknownCommitTest, ::testing::Values(fakes::Fault::kWrites));

}  // namespace
}  // namespace imprint::version
