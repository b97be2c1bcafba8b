// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Which weights are live, which are current, and the durable switch between them.
//
// States of a version: candidate (in memory only) -> stored (its directory is
// complete) -> committed (it has a row; from here its number shows) -> dropped (files
// deleted beyond the keep window, or because it contains what was forgotten; the row
// stays). Exactly one committed version, or the base, is current.
//
// On disk, under <data_dir>/versions/default/<number, 8 digits>/:
//   delta-<i>.safetensors   low-rank changes over the base, in the order they are added
//   manifest.json           written last: format version, fingerprints, parent, deltas
//                           with rank, scale and the SHA-256 of each tensor
// A directory is written as <number>.tmp, synced, renamed, and its parent synced. One
// without a committed row is an orphan, and is removed at start or between two jobs, unless the job
// that made it awaits approval.

#ifndef IMPRINT_SERVER_VERSION_VERSION_MANAGER_H_
#define IMPRINT_SERVER_VERSION_VERSION_MANAGER_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "server/store/store.h"
#include "server/version/version.h"
#include "server/version/version_files.h"

namespace imprint::version {

struct VersionManagerOptions {
  // <data_dir>/versions/default
  std::filesystem::path directory;
  std::string model_fingerprint;
  // Committed versions whose files are kept besides the current one and its parent
  // (--version.keep).
  int keep = 8;
  // What Open does when the current version's files are broken: false, it refuses; true, it
  // goes back, durably, to the nearest ancestor that is whole
  // (--version.rollback_when_broken).
  bool rollback_when_broken = false;
};

// Thread-safe. Acquiring never waits for a switch that is being written.
class VersionManager {
 public:
  using SharedVersion = std::shared_ptr<const Version>;
  // Stages changes of experiences into the transaction that moves `current`; told
  // whether a sequence is contained in the version that becomes current.
  using StageFn =
      std::function<absl::Status(store::Transaction&, absl::FunctionRef<bool(int64_t)> contained)>;
  using Listener = std::function<void(const store::VersionRecord&, bool current)>;

  // Removes orphans, checks and loads the current version. DATA_LOSS when its files
  // are broken: the message names the file, the nearest good ancestor and the flag that goes
  // back to it. Experiences are then to be made to agree (Updater::Start does).
  static absl::StatusOr<std::unique_ptr<VersionManager>> Open(
      store::Store* store, std::shared_ptr<const model::Weights> base,
      const VersionManagerOptions& options, const Clock* clock);

  SharedVersion base() const { return base_; }
  SharedVersion current() const;
  // A live version by number. FAILED_PRECONDITION naming the live ones when it exists
  // but is not in memory; NOT_FOUND when there is none of that number.
  absl::StatusOr<SharedVersion> Acquire(int64_t number) const;
  // Numbers that Acquire gives now, in order: the base, the current one, and those
  // still used by somebody.
  std::vector<int64_t> Live() const;

  // Merges a candidate; nothing is written. RESOURCE_EXHAUSTED: out of memory.
  absl::StatusOr<SharedVersion> MakeCandidate(
      int64_t number, int64_t parent,
      std::vector<std::shared_ptr<const model::Adapter>> deltas) const;

  // Writes the candidate's directory durably; gives its size in bytes. Repeatable: an
  // older attempt's directory is replaced. ALREADY_EXISTS when the number is committed.
  absl::StatusOr<int64_t> Save(const Version& candidate) ABSL_LOCKS_EXCLUDED(switch_mutex_);
  // A saved candidate, read from its files and merged. DATA_LOSS when they are broken;
  // RESOURCE_EXHAUSTED: out of memory.
  absl::StatusOr<SharedVersion> LoadCandidate(int64_t number, int64_t parent) const;
  // Deletes the directory of a saved candidate that will not be committed.
  absl::Status Discard(int64_t number) ABSL_LOCKS_EXCLUDED(switch_mutex_);
  // Commits a saved candidate: its row, current = its number and whatever `stage` adds
  // (the job's row, its experiences) in one synced batch, valid only while current is
  // still `expected_current` (else ABORTED), then switches the pointer. A version that was
  // trained from an older one has that one as its parent; what it contains is what the parent
  // contains and what it adds. Of `record` number, parent, time and the count of experiences
  // are set here. Afterwards drops files beyond the keep window.
  //
  // When the write fails the truth is read back: OK if the version was committed after all,
  // the write's error if it was not. UNKNOWN: it could not be read back; nothing is switched
  // before Settle succeeds.
  absl::Status Commit(const SharedVersion& candidate, int64_t expected_current,
                      store::VersionRecord record, const StageFn& stage)
      ABSL_LOCKS_EXCLUDED(switch_mutex_);
  // Makes a stored version (or 0, the base) the current one in one synced batch with
  // what `stage` adds, then switches. NOT_FOUND; FAILED_PRECONDITION when dropped, or when it
  // contains what was forgotten; DATA_LOSS when its files are broken: then all stays as it
  // is. A failed write as for Commit.
  absl::Status Rollback(int64_t number, const StageFn& stage) ABSL_LOCKS_EXCLUDED(switch_mutex_);

  // After UNKNOWN: reads the truth from the store and switches if the write was durable after
  // all. OK when nothing is unsettled; otherwise the error that the store still gives.
  absl::Status Settle() ABSL_LOCKS_EXCLUDED(switch_mutex_);

  // Deletes the files of every version but the current one that contains one of `forgotten`;
  // it cannot be rolled back to, nor be acquired. Nothing to do is OK; an error leaves the rest
  // for the next call.
  absl::Status DropForgotten(const std::vector<int64_t>& forgotten)
      ABSL_LOCKS_EXCLUDED(switch_mutex_);

  // Deletes the directories that belong to no version: what a crash left, or a job that stored
  // one and did not commit it. Not while a candidate is between Save and Commit.
  absl::Status RemoveOrphans() ABSL_LOCKS_EXCLUDED(switch_mutex_);

  // Runs `work` while no version's files are written or deleted, and none becomes current.
  absl::Status AtRest(absl::FunctionRef<absl::Status()> work) ABSL_LOCKS_EXCLUDED(switch_mutex_);

  // The deltas of a stored version, from memory or from its files, without merging them.
  // NOT_FOUND; FAILED_PRECONDITION when dropped; DATA_LOSS when its files are broken.
  absl::StatusOr<std::vector<std::shared_ptr<const model::Adapter>>> Deltas(int64_t number) const;

  // The experiences in a committed version, in order: what it and its ancestors added.
  absl::StatusOr<std::vector<int64_t>> ContainedIn(int64_t number) const;

  // Whether `sequence` is contained in the current version.
  bool Contains(int64_t sequence) const;
  // Sequences contained in the current version, in order.
  std::vector<int64_t> Contained() const;

  // Told of each version that became current or was dropped, after it is durable; on the
  // thread that switched, so it must not block nor switch.
  void AddListener(Listener listener);

 private:
  using Sequences = absl::flat_hash_set<int64_t>;

  VersionManager(store::Store* store, std::shared_ptr<const model::Weights> base,
                 const VersionManagerOptions& options, const Clock* clock);

  absl::Status LoadCurrent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(switch_mutex_);
  absl::StatusOr<SharedVersion> Load(int64_t number) const;
  // The nearest ancestor of a broken version whose files are whole; the base at last.
  absl::StatusOr<SharedVersion> NearestGoodAncestor(int64_t number) const;
  absl::StatusOr<Sequences> MembersOf(int64_t number) const;
  // Whether a version contains a forgotten experience.
  absl::StatusOr<bool> HoldsForgotten(int64_t number) const;

  // Writes `stage` with current = target.number, in one transaction, while current is still
  // `expected`; then switches.
  absl::Status Switch(const SharedVersion& target, int64_t expected, Sequences contained,
                      absl::FunctionRef<absl::Status(store::Transaction&, const Sequences&)> stage)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(switch_mutex_);
  absl::Status SettleLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(switch_mutex_);
  // The switch itself: all that readers ever wait for.
  void PointTo(const SharedVersion& target, Sequences contained) ABSL_LOCKS_EXCLUDED(mutex_);
  // Deletes the files of versions beyond the keep window.
  void DropOldVersions() ABSL_EXCLUSIVE_LOCKS_REQUIRED(switch_mutex_);
  // Deletes the files of one, marked durably before.
  absl::Status Drop(store::VersionRecord row, bool holds_forgotten)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(switch_mutex_);
  SharedVersion FindLive(int64_t number) const;
  void Tell(const store::VersionRecord& record, bool current) const;

  store::Store* const store_;
  const VersionManagerOptions options_;
  const Clock* const clock_;
  const VersionFiles files_;
  SharedVersion base_;

  // Held over a whole durable switch, so that switches come one after another.
  absl::Mutex switch_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  // A switch whose outcome could not be read back yet.
  struct Unsettled {
    SharedVersion target;
    Sequences contained;
  };
  std::optional<Unsettled> unsettled_ ABSL_GUARDED_BY(switch_mutex_);
  mutable absl::Mutex mutex_;
  SharedVersion current_ ABSL_GUARDED_BY(mutex_);
  // All versions given out, by number; expired ones are not live.
  absl::btree_map<int64_t, std::weak_ptr<const Version>> live_ ABSL_GUARDED_BY(mutex_);
  Sequences contained_ ABSL_GUARDED_BY(mutex_);
  std::vector<Listener> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::version

#endif  // IMPRINT_SERVER_VERSION_VERSION_MANAGER_H_
