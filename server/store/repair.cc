// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/repair.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/file_util.h"
#include "common/list_directory.h"
#include "common/status_macros.h"
#include "rocksdb/env.h"
#include "server/store/database.h"
#include "server/store/keys.h"
#include "server/store/rocksdb_status.h"
#include "server/store/salvage.h"
#include "server/store/store.h"

namespace imprint::store {
namespace {

namespace fs = std::filesystem;

// Beside the store, while it is repaired.
constexpr char kScratch[] = ".scratch";
constexpr char kRepaired[] = ".repaired";
// A transaction of the new store.
constexpr int kExperiencesAtOnce = 256;
// A count of target sentences: nobody knows how many there were.
constexpr int32_t kAsManyAsThereAre = -1;
constexpr size_t kBytesAtOnce = size_t{16} << 20;
constexpr char kLost[] = "it could not be read when the store was repaired";

// The lock that a server takes, as long as it lives.
class StoreLock {
 public:
  static absl::StatusOr<std::unique_ptr<StoreLock>> Take(const fs::path& path) {
    rocksdb::FileLock* lock = nullptr;
    const rocksdb::Status taken =
        rocksdb::Env::Default()->LockFile((path / "LOCK").string(), &lock);
    if (taken.ok()) return std::make_unique<StoreLock>(lock);
    return absl::FailedPreconditionError(absl::StrCat(
        "the store in ", path.string(), " is in use (", taken.ToString(), "); stop its server"));
  }
  explicit StoreLock(rocksdb::FileLock* lock) : lock_(lock) {}
  ~StoreLock() { rocksdb::Env::Default()->UnlockFile(lock_); }
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

 private:
  rocksdb::FileLock* const lock_;
};

fs::path Beside(const fs::path& path, const char* suffix) { return path.string() + suffix; }

// A second folder of the same files: tables, which never change, as links.
absl::Status CopyStore(const fs::path& from, const fs::path& to) {
  IMPRINT_RETURN_IF_ERROR(RemoveTree(to));
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(to));
  std::error_code error;
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<fs::path> files, ListDirectory(from));
  for (const fs::path& file : files) {
    const fs::path name = file.filename();
    if (!fs::is_regular_file(file, error) || name == "LOCK") continue;
    if (name.extension() == ".sst") {
      fs::create_hard_link(file, to / name, error);
    } else {
      fs::copy_file(file, to / name, error);
    }
    if (error) break;
  }
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(),
                             absl::StrCat("copy ", from.string(), " to ", to.string()));
}

std::string Numbers(const std::vector<int64_t>& numbers) {
  constexpr size_t kNamed = 20;
  std::string text;
  for (size_t i = 0; i < std::min(numbers.size(), kNamed); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", numbers[i]);
  }
  if (numbers.size() > kNamed) absl::StrAppend(&text, " and ", numbers.size() - kNamed, " more");
  return text;
}

class Repair {
 public:
  Repair(const RepairOptions& options, RepairReport* report)
      : options_(options), report_(*report) {}

  absl::Status Run() {
    IMPRINT_RETURN_IF_ERROR(OpenDamaged());
    IMPRINT_RETURN_IF_ERROR(ReadOwner());
    ReadCounters();
    ReadRows();
    MendVersions();
    MendCurrentVersion();
    std::unique_ptr<Store> repaired;
    if (options_.write) {
      IMPRINT_RETURN_IF_ERROR(RemoveTree(Beside(options_.path, kRepaired)));
      IMPRINT_ASSIGN_OR_RETURN(repaired,
                               Store::Open({.path = Beside(options_.path, kRepaired),
                                            .model_fingerprint = meta_.model_fingerprint(),
                                            .tokenizer_fingerprint = meta_.tokenizer_fingerprint(),
                                            .create_time_micros = meta_.create_time_micros()}));
    }
    IMPRINT_RETURN_IF_ERROR(WriteRows(repaired.get()));
    IMPRINT_RETURN_IF_ERROR(WriteExperiences(repaired.get()));
    return absl::OkStatus();
  }

 private:
  void Lose(std::string what) { report_.losses.push_back(std::move(what)); }

  absl::Status OpenDamaged() {
    absl::StatusOr<std::unique_ptr<Database>> opened =
        Database::Open(options_.path, /*env=*/nullptr, Database::Access::kReadOnly);
    if (opened.ok()) {
      damaged_ = *std::move(opened);
      return absl::OkStatus();
    }
    Lose(absl::StrCat("it does not open: ", opened.status().message()));
    opened = Database::Open(options_.path, /*env=*/nullptr, Database::Access::kSalvage);
    if (!opened.ok()) {
      const fs::path scratch = Beside(options_.path, kScratch);
      IMPRINT_RETURN_IF_ERROR(CopyStore(options_.path, scratch));
      IMPRINT_RETURN_IF_ERROR(Database::RepairFiles(scratch));
      // Families that had no table are gone; opening it for writing makes them.
      opened = Database::Open(scratch, /*env=*/nullptr, Database::Access::kReadWrite);
    }
    IMPRINT_RETURN_IF_ERROR(opened.status());
    Lose("changes in what cannot be read did not happen: look whether what was forgotten last is");
    damaged_ = *std::move(opened);
    return absl::OkStatus();
  }

  // A row of the family of single values; nullopt: it is not there. One that cannot be read is
  // not there, and said to be lost.
  std::optional<std::string> Single(const std::string& key, const char* what) {
    absl::StatusOr<std::optional<std::string>> row = damaged_->Get(Family::kMeta, key);
    if (row.ok()) return *std::move(row);
    Lose(absl::StrCat(what, " cannot be read"));
    return std::nullopt;
  }

  absl::Status ReadOwner() {
    const std::optional<std::string> row = Single(MetaKey(), "whose store it is");
    if (!row.has_value() || !meta_.ParseFromString(*row) || meta_.format_version() < 1) {
      meta_ = MetaRecord();
      report_.owner_unknown = true;
      Lose("which model it belongs to is lost: the next server takes its --model on trust");
      return absl::OkStatus();
    }
    if (meta_.format_version() <= kFormatVersion) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "the store has format ", meta_.format_version(), "; this program knows formats up to ",
        kFormatVersion, "; use the newer one that wrote it"));
  }

  void ReadCounters() {
    const std::optional<std::string> row = Single(CountersKey(), "the row of counters");
    has_counters_ = row.has_value() && counters_.ParseFromString(*row);
    if (!has_counters_) counters_ = CountersRecord();
  }

  void ReadSettings() {
    const std::string prefix = SettingKey("");
    const absl::Status scanned =
        damaged_->Scan(Family::kMeta, prefix, EndOfPrefix(prefix),
                       [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                         settings_[std::string(key.substr(prefix.size()))] = std::string(value);
                         return true;
                       });
    if (scanned.ok()) return;
    // What nobody looked at must not train by itself.
    settings_.insert_or_assign("updates_paused", std::string(1, '1'));
    Lose("settings cannot be read: updates are paused until imprint updates resume");
  }

  // When those with a time to live are forgotten.
  void ReadExpiries() {
    const absl::Status scanned =
        damaged_->Scan(Family::kExpiries, NamespacePrefix(), EndOfPrefix(NamespacePrefix()),
                       [this](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
                         const std::optional<Expiry> expiry = ParseExpiryKey(key);
                         if (!expiry.has_value()) return true;
                         SawSequence(expiry->sequence);
                         expiries_[expiry->sequence] = expiry->time_micros;
                         return true;
                       });
    if (!scanned.ok()) SayIndex(FamilyName(Family::kExpiries));
  }

  void SawSequence(int64_t sequence) {
    counters_.set_sequence(std::max(counters_.sequence(), sequence));
  }

  // Numbers that rows name, though the rows of those numbers may be lost.
  void SawNumbersInRows() {
    for (const auto& [id, probe] : probes_) SawSequence(probe.sequence());
    for (const auto& [id, job] : jobs_) {
      counters_.set_version(std::max(counters_.version(), job.version()));
      for (const int64_t sequence : job.sequences()) SawSequence(sequence);
      for (const int64_t sequence : job.rebuilt()) SawSequence(sequence);
    }
    for (const auto& [number, version] : versions_) {
      counters_.set_job(std::max(counters_.job(), version.job()));
      for (const int64_t sequence : version.added()) SawSequence(sequence);
    }
  }

  void ReadRows() {
    auto heads =
        SalvageRecords<ExperienceRecord>(*damaged_, Family::kExperiences, counters_.sequence());
    auto probes = SalvageRecords<ProbeRecord>(*damaged_, Family::kProbes, counters_.probe());
    auto jobs = SalvageRecords<JobRecord>(*damaged_, Family::kJobs, counters_.job());
    auto versions =
        SalvageRecords<VersionRecord>(*damaged_, Family::kVersions, counters_.version());
    SayUnreadable("probes", probes.unreadable);
    SayUnreadable("jobs", jobs.unreadable);
    SayUnreadable("versions", versions.unreadable);
    heads_ = std::move(heads.rows);
    probes_ = std::move(probes.rows);
    jobs_ = std::move(jobs.rows);
    versions_ = std::move(versions.rows);
    for (const auto& [id, probe] : probes_) ++probe_counts_[probe.sequence()];
    // An experience whose head is lost may still have its words, its state and its request id.
    SawSequence(LastKey(heads_));
    SawSequence(LastReadable(*damaged_, Family::kContents));
    ReadStates();
    ReadRequests();
    ReadProbeIndex();
    ReadExpiries();
    ReadSettings();
    counters_.set_probe(std::max(counters_.probe(), LastKey(probes_)));
    counters_.set_job(std::max(counters_.job(), LastKey(jobs_)));
    counters_.set_version(std::max(counters_.version(), LastKey(versions_)));
    SawNumbersInRows();
    const bool has_rows = counters_.sequence() + counters_.probe() + counters_.job() > 0;
    if (!has_counters_ && has_rows) Lose("the row of counters is lost: they go on from the rows");
  }

  // Indexes are made again of the rows; here what they alone still know is taken from them, and
  // looked whether they agree.
  void ReadStates() {
    size_t agreeing = 0;
    absl::Status scanned;
    for (int value = StoredState_MIN; value <= StoredState_MAX; ++value) {
      if (!StoredState_IsValid(value) || value == STORED_STATE_UNSPECIFIED) continue;
      const auto state = static_cast<StoredState>(value);
      const std::string prefix = StatePrefix(state);
      scanned.Update(
          damaged_->Scan(Family::kStates, prefix, EndOfPrefix(prefix),
                         [&](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
                           const int64_t sequence = NumberAfter(prefix, key).value_or(0);
                           SawSequence(sequence);
                           const auto head = heads_.find(sequence);
                           if (head == heads_.end()) states_[sequence] = state;
                           if (head != heads_.end() && head->second.state() == state) ++agreeing;
                           return true;
                         }));
    }
    if (!scanned.ok() || agreeing != heads_.size()) SayIndex("states");
  }

  void ReadRequests() {
    size_t agreeing = 0;
    const absl::Status scanned =
        damaged_->Scan(Family::kRequests, NamespacePrefix(), EndOfPrefix(NamespacePrefix()),
                       [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                         const int64_t sequence = DecodeNumber(value).value_or(0);
                         const std::string_view id = key.substr(NamespacePrefix().size());
                         SawSequence(sequence);
                         const auto head = heads_.find(sequence);
                         if (head == heads_.end()) requests_[sequence] = std::string(id);
                         if (head != heads_.end() && head->second.request_id() == id) ++agreeing;
                         return true;
                       });
    const auto named =
        static_cast<size_t>(std::count_if(heads_.begin(), heads_.end(), [](const auto& head) {
          return !head.second.request_id().empty();
        }));
    if (!scanned.ok() || agreeing != named) SayIndex("requests");
  }

  void ReadProbeIndex() {
    size_t agreeing = 0;
    for (const auto& [id, probe] : probes_) {
      const auto row =
          damaged_->Get(Family::kExperienceProbes, ExperienceProbeKey(probe.sequence(), id));
      if (row.ok() && row->has_value()) ++agreeing;
    }
    if (agreeing != probes_.size()) SayIndex("experience_probes");
  }

  void SayIndex(const char* family) {
    Lose(absl::StrCat("the index ", family, " is damaged: it is made again of what it is about"));
  }

  template <typename Record>
  static int64_t LastKey(const std::map<int64_t, Record>& rows) {
    return rows.empty() ? 0 : rows.rbegin()->first;
  }

  void SayUnreadable(const char* what, const std::vector<int64_t>& numbers) {
    if (!numbers.empty()) Lose(absl::StrCat(what, " that cannot be read: ", Numbers(numbers)));
  }

  // A version's row can be made again from its job's; one without an ancestor's is of no use, since
  // what it contains is not known.
  void MendVersions() {
    for (const auto& [id, job] : jobs_) {
      if (job.state() != STORED_JOB_STATE_COMMITTED || versions_.contains(job.version())) continue;
      VersionRecord& version = versions_[job.version()];
      version.set_number(job.version());
      version.set_parent(job.parent_version());
      version.set_job(id);
      version.set_create_time_micros(job.update_time_micros());
      version.mutable_added()->Add(job.sequences().begin(), job.sequences().end());
      version.mutable_added()->Add(job.rebuilt().begin(), job.rebuilt().end());
      if (job.report().has_efficacy()) version.set_efficacy(job.report().efficacy());
      version.set_retention_kl(job.report().retention_kl());
      version.set_retention_perplexity_ratio(job.report().retention_perplexity_ratio());
      Lose(absl::StrCat("the row of versions/", job.version(), " was made again from jobs/", id));
    }
    for (auto row = versions_.begin(); row != versions_.end();) {
      VersionRecord& version = row->second;
      const auto parent = versions_.find(version.parent());
      if (version.parent() != 0 && parent == versions_.end()) {
        Lose(absl::StrCat("versions/", version.number(), " is given up: the row of its parent, ",
                          "versions/", version.parent(), ", is lost"));
        row = versions_.erase(row);
        continue;
      }
      if (version.experience_count() == 0) {
        const int64_t before = version.parent() == 0 ? 0 : parent->second.experience_count();
        version.set_experience_count(before + version.added_size());
      }
      if (!version.dropped() && !options_.has_files(version.number())) {
        version.set_dropped(true);
        Lose(absl::StrCat("versions/", version.number(), " has no files"));
      }
      ++row;
    }
  }

  void MendCurrentVersion() {
    const std::optional<std::string> row = Single(CurrentVersionKey(), "which version is current");
    const std::optional<int64_t> stored = row.has_value() ? DecodeNumber(*row) : std::nullopt;
    current_ = stored.value_or(0);
    const bool known = stored.has_value() ? current_ == 0 || CanServe(current_) : versions_.empty();
    if (known) return;
    current_ = 0;
    for (const auto& [number, version] : versions_) {
      if (CanServe(number)) current_ = number;
    }
    Lose(absl::StrCat("which version was current is lost, or that version is; versions/", current_,
                      " is the newest that is whole"));
  }

  bool CanServe(int64_t number) const {
    const auto version = versions_.find(number);
    return version != versions_.end() && !version->second.dropped() &&
           !version->second.holds_forgotten();
  }

  absl::Status WriteRows(Store* repaired) {
    report_.probes = static_cast<int64_t>(probes_.size());
    report_.jobs = static_cast<int64_t>(jobs_.size());
    report_.versions = static_cast<int64_t>(versions_.size());
    report_.current_version = current_;
    for (const auto& [number, version] : versions_) report_.known_versions.push_back(number);
    for (const auto& [id, job] : jobs_) report_.known_versions.push_back(job.version());
    if (repaired == nullptr) return absl::OkStatus();
    IMPRINT_RETURN_IF_ERROR(repaired->Transact([this](Transaction& transaction) {
      for (int64_t i = 0; i < counters_.sequence(); ++i) transaction.NextSequence();
      for (int64_t i = 0; i < counters_.job(); ++i) transaction.NextJob();
      for (int64_t i = 0; i < counters_.version(); ++i) transaction.NextVersion();
      for (int64_t i = 0; i < counters_.probe(); ++i) transaction.NextProbe();
      for (const auto& [number, version] : versions_) transaction.PutVersion(version);
      transaction.SetCurrentVersion(current_);
      for (const auto& [name, value] : settings_) transaction.PutSetting(name, value);
      return absl::OkStatus();
    }));
    IMPRINT_RETURN_IF_ERROR(PutRows(*repaired, probes_, &Transaction::PutProbe));
    return PutRows(*repaired, jobs_, &Transaction::PutJob);
  }

  // In transactions that fit into memory beside the rows.
  template <typename Record>
  static absl::Status PutRows(Store& repaired, const std::map<int64_t, Record>& rows,
                              void (Transaction::*put)(const Record&)) {
    auto row = rows.begin();
    while (row != rows.end()) {
      IMPRINT_RETURN_IF_ERROR(repaired.Transact([&](Transaction& transaction) {
        size_t bytes = 0;
        for (; row != rows.end() && bytes < kBytesAtOnce; ++row) {
          (transaction.*put)(row->second);
          bytes += row->second.ByteSizeLong();
        }
        return absl::OkStatus();
      }));
    }
    return absl::OkStatus();
  }

  absl::Status WriteExperiences(Store* repaired) {
    std::vector<std::pair<ExperienceRecord, std::vector<TargetRecord>>> batch;
    size_t bytes = 0;
    const auto write = [&]() -> absl::Status {
      absl::Status written;
      if (repaired != nullptr && !batch.empty()) {
        written = repaired->Transact([&batch](Transaction& transaction) {
          for (const auto& [record, targets] : batch) {
            transaction.PutExperience(record);
            if (!targets.empty()) transaction.PutTargets(record.sequence(), targets);
          }
          return absl::OkStatus();
        });
      }
      batch.clear();
      bytes = 0;
      return written;
    };
    for (int64_t sequence = 1; sequence <= counters_.sequence(); ++sequence) {
      auto& [record, targets] =
          batch.emplace_back(MendedExperience(sequence), std::vector<TargetRecord>());
      MendTargets(record, targets);
      bytes += record.ByteSizeLong();
      for (const TargetRecord& target : targets) bytes += target.ByteSizeLong();
      if (batch.size() >= kExperiencesAtOnce || bytes >= kBytesAtOnce) {
        IMPRINT_RETURN_IF_ERROR(write());
      }
    }
    return write();
  }

  // Head and content as one; a tombstone where what it said is lost.
  ExperienceRecord MendedExperience(int64_t sequence) {
    ++report_.experiences;
    const auto head = heads_.find(sequence);
    const bool has_head = head != heads_.end();
    if (has_head && head->second.state() == STORED_STATE_FORGOTTEN) return head->second;
    ExperienceRecord record = has_head ? head->second : HeadMadeAnew(sequence);
    record.set_sequence(sequence);
    ExperienceRecord content;
    const absl::StatusOr<std::optional<std::string>> row =
        damaged_->Get(Family::kContents, NumberKey(sequence));
    const bool has_content = row.ok() && row->has_value() && content.ParseFromString(**row) &&
                             (!content.text().empty() || content.messages_size() > 0);
    if (!has_content) return Tombstone(record);
    if (!has_head) {
      Lose(absl::StrCat("experiences/", sequence,
                        " has lost its labels and times, and may have lost its state"));
      record.set_target_count(kAsManyAsThereAre);
    }
    record.MergeFrom(content);
    return record;
  }

  // What the indexes still know of an experience.
  ExperienceRecord HeadMadeAnew(int64_t sequence) const {
    ExperienceRecord head;
    if (const auto state = states_.find(sequence); state != states_.end()) {
      head.set_state(state->second);
    } else {
      // It may have been set aside: a person lets it go on.
      head.set_state(STORED_STATE_HELD);
      head.set_state_reason(kLost);
    }
    head.set_create_time_micros(absl::ToUnixMicros(absl::Now()));
    if (const auto expiry = expiries_.find(sequence); expiry != expiries_.end()) {
      head.set_ttl_micros(std::max<int64_t>(1, expiry->second - head.create_time_micros()));
    }
    if (const auto request = requests_.find(sequence); request != requests_.end()) {
      head.set_request_id(request->second);
    }
    return head;
  }

  // In the place of an experience whose words are lost, or of a tombstone whose head is.
  ExperienceRecord Tombstone(const ExperienceRecord& lost) {
    const std::string name = absl::StrCat("experiences/", lost.sequence());
    if (lost.state() == STORED_STATE_FORGOTTEN) {
      Lose(absl::StrCat(name, " was forgotten; its times are lost"));
    } else {
      report_.lost_experiences.push_back(lost.sequence());
      Lose(absl::StrCat(name, " is lost: what it said cannot be read; ",
                        lost.state() == STORED_STATE_INTEGRATED
                            ? "it is trained out of the weights as if it were forgotten"
                            : "a tombstone takes its place"));
    }
    ExperienceRecord tombstone;
    tombstone.set_sequence(lost.sequence());
    tombstone.set_state(STORED_STATE_FORGOTTEN);
    tombstone.set_state_reason(kLost);
    tombstone.set_request_id(lost.request_id());
    tombstone.set_create_time_micros(lost.create_time_micros());
    tombstone.set_update_time_micros(absl::ToUnixMicros(absl::Now()));
    return tombstone;
  }

  // What has lost its sentences is QUEUED: they are written again.
  void MendTargets(ExperienceRecord& record, std::vector<TargetRecord>& targets) {
    record.set_probe_count(probe_counts_[record.sequence()]);
    if (record.state() == STORED_STATE_FORGOTTEN) return;
    SalvagedTargets salvaged = SalvageTargets(*damaged_, record.sequence());
    const auto count = static_cast<int>(salvaged.targets.size());
    if (record.target_count() == kAsManyAsThereAre) {
      record.set_target_count(count);
      for (const TargetRecord& target : salvaged.targets) {
        record.set_target_tokens(record.target_tokens() + target.target_ids_size());
      }
    }
    if (!salvaged.damaged && count == record.target_count() &&
        (count > 0 || !NeedsTargets(record.state()))) {
      targets = std::move(salvaged.targets);
      report_.targets += count;
      return;
    }
    Lose(absl::StrCat("the target sentences of experiences/", record.sequence(),
                      " are lost: they are written, and trained, again"));
    record.set_target_count(0);
    record.set_target_tokens(0);
    // Without them it can neither be replayed nor rebuilt, though it may be in the weights. Those
    // that were set aside get them when they are released.
    if (NeedsTargets(record.state())) record.set_state(STORED_STATE_QUEUED);
  }

  static bool NeedsTargets(StoredState state) {
    return state == STORED_STATE_READY || state == STORED_STATE_INTEGRATED;
  }

  const RepairOptions& options_;
  RepairReport& report_;
  std::unique_ptr<Database> damaged_;
  MetaRecord meta_;
  CountersRecord counters_;
  bool has_counters_ = false;
  std::map<int64_t, ExperienceRecord> heads_;
  // Of those without a head.
  std::map<int64_t, StoredState> states_;
  std::map<int64_t, std::string> requests_;
  std::map<int64_t, int64_t> expiries_;  // Unix microseconds
  std::map<std::string, std::string> settings_;
  std::map<int64_t, ProbeRecord> probes_;
  std::map<int64_t, int> probe_counts_;
  std::map<int64_t, JobRecord> jobs_;
  std::map<int64_t, VersionRecord> versions_;
  int64_t current_ = 0;
};

// Puts the repaired store in the place of the damaged one, at one stroke: no name that is removed
// later ever holds the damaged one.
absl::StatusOr<fs::path> Exchange(const fs::path& path) {
  const std::string when = absl::FormatTime("%Y%m%d-%H%M%S", absl::Now(), absl::UTCTimeZone());
  const fs::path damaged = absl::StrCat(path.string(), ".damaged-", when);
  std::error_code error;
  fs::rename(Beside(path, kRepaired), damaged, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("make ", damaged.string()));
  }
  if (::renameat2(AT_FDCWD, damaged.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("the repaired store is in ", damaged.string(),
                            ", but cannot take the place of the other; move ", path.string(),
                            " away and rename it by hand"));
  }
  IMPRINT_RETURN_IF_ERROR(SyncDirectory(path.parent_path()));
  return damaged;
}

}  // namespace

absl::StatusOr<RepairReport> RepairStore(const RepairOptions& options) {
  std::error_code error;
  if (!fs::is_directory(options.path, error)) {
    return absl::NotFoundError(absl::StrCat("there is no store in ", options.path.string()));
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<StoreLock> lock, StoreLock::Take(options.path));
  RepairReport report;
  const absl::Status repaired = Repair(options, &report).Run();
  IMPRINT_RETURN_IF_ERROR(RemoveTree(Beside(options.path, kScratch)));
  if (!repaired.ok()) {
    RemoveTree(Beside(options.path, kRepaired)).IgnoreError();  // what failed is told
    return repaired;
  }
  if (options.write && !report.losses.empty()) {
    IMPRINT_ASSIGN_OR_RETURN(report.damaged_path, Exchange(options.path));
  } else {
    IMPRINT_RETURN_IF_ERROR(RemoveTree(Beside(options.path, kRepaired)));
  }
  return report;
}

absl::Status RemoveUnfinishedRepair(const fs::path& path) {
  IMPRINT_RETURN_IF_ERROR(RemoveTree(Beside(path, kScratch)));
  return RemoveTree(Beside(path, kRepaired));
}

}  // namespace imprint::store
