// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The experience log: what the server was told, in order, durably, and where each
// experience is on its way into the weights.
//
// States and legal transitions (durable unless noted):
//   QUEUED      -> READY        its target sentences are stored
//   QUEUED      -> QUARANTINED  no target sentence could be made of it
//   READY       -> INTEGRATED   a version that contains it was committed
//   READY       -> QUARANTINED  it failed alone in the gate
//   READY       -> HELD         its update job was cancelled
//   INTEGRATED  -> HELD         a rollback left it out of the current version
//   HELD, READY -> INTEGRATED   a rollback brought in a version that contains it
//   QUARANTINED -> INTEGRATED   a rollback brought back a version that contains it
//   HELD, QUARANTINED -> READY  released (QUEUED where it has no targets yet)
//   any         -> FORGOTTEN    by a caller, at the end of its time to live, or when what
//                               supersedes it goes into the weights; the end
// TRAINING is READY and member of the running job; it is not durable.
// A forgotten experience leaves a tombstone: its sequence and request_id, when and why. Its
// content, labels, caller's sentences and targets are gone with the transaction, its probes
// at the latest when no version that is served contains it.
// An experience that a QUEUED or READY one supersedes is neither pending nor trained nor
// defended, but is there again when that one is set aside.
// Changes that depend on the current version are staged into the transaction that
// moves it (StageIntegrated, StageMembership), so a crash cannot part the two.

#ifndef IMPRINT_SERVER_EXPERIENCE_EXPERIENCE_LOG_H_
#define IMPRINT_SERVER_EXPERIENCE_EXPERIENCE_LOG_H_

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "server/experience/labels.h"
#include "server/experience/state_index.h"
#include "server/store/store.h"

namespace imprint::experience {

struct ExperienceLogOptions {
  // Appends beyond this many waiting for a sync are refused with
  // RESOURCE_EXHAUSTED (--inject.max_pending_appends).
  int max_pending_appends = 4096;
  // ... and those that would make what waits larger than this; one alone always fits
  // (--inject.max_pending_bytes).
  int64_t max_pending_bytes = int64_t{64} << 20;
  // While less than this is free on the file system of `disk`, appends are refused with
  // RESOURCE_EXHAUSTED: versions, backups and forgetting need room too (--inject.min_free_bytes).
  // 0, or no `disk`: only a full disk refuses.
  int64_t min_free_bytes = int64_t{128} << 20;
  std::filesystem::path disk = {};
  // Experiences waiting for generation or training beyond which appends are
  // refused with RESOURCE_EXHAUSTED (--inject.max_waiting).
  int64_t max_waiting = 100000;
};

// Which experiences are to be forgotten. At least one field is set; all that are must fit.
struct ForgetSelector {
  int64_t sequence = 0;
  std::string request_id = {};
  Labels labels = {};
};

struct StateCounts {
  int64_t queued = 0;
  int64_t ready = 0;  // with those in training
  int64_t training = 0;
  int64_t integrated = 0;
  int64_t held = 0;
  int64_t quarantined = 0;
  int64_t forgotten = 0;
};

// Thread-safe. Owns one thread, which groups appends into synced batches.
class ExperienceLog {
 public:
  // Called once with the record as stored; on the log's thread, so it must not block. A
  // refusal for want of room, or at the end, may come on the thread that calls Append.
  using AppendCallback = std::function<void(absl::StatusOr<store::ExperienceRecord>)>;
  // Told of every durable change of an experience, in order, one at a time, under no lock
  // of the log; on whichever thread is at hand, so it must not block.
  using Listener = std::function<void(const store::ExperienceRecord&)>;

  // `store` and `clock` outlive the log.
  static absl::StatusOr<std::unique_ptr<ExperienceLog>> Open(store::Store* store,
                                                             const ExperienceLogOptions& options,
                                                             const Clock* clock);
  // Finishes what was taken; callbacks of appends not yet begun get UNAVAILABLE.
  ~ExperienceLog();

  // Appends durably, then calls `done`. `record` brings content, labels,
  // caller's sentences, request_id (empty: one is made) and body_digest; the log
  // sets sequence, state and times. Same request_id and digest: the stored record
  // again, or what is left of it when it was forgotten; another digest: ALREADY_EXISTS.
  // `supersedes` is the name or the request_id of an older experience, NOT_FOUND when there
  // is none; empty: it supersedes none. Concurrent appends share one sync.
  void Append(store::ExperienceRecord record, AppendCallback done, std::string supersedes = "");

  absl::StatusOr<store::ExperienceRecord> Get(int64_t sequence) const;
  // The same without what was said, which is not read.
  absl::StatusOr<store::ExperienceRecord> GetHead(int64_t sequence) const;

  struct Filter {
    // Only this state; nullopt: all.
    std::optional<store::StoredState> state = std::nullopt;
    // Only those in the running job, or only those that are not; nullopt: both.
    std::optional<bool> training = std::nullopt;
    // Only those that carry all of these.
    Labels labels = {};
  };
  struct Listing {
    std::vector<store::ExperienceRecord> records;
    // Where the list goes on; nullopt: nothing is behind.
    std::optional<int64_t> next_after;
    // Rows that were looked at.
    int rows = 0;
  };
  static constexpr int kAllRows = std::numeric_limits<int>::max();
  // Those with sequence > after that `filter` fits, in order: at most `limit`, of at most
  // `max_rows` that are looked at. What was said is read of those that fit alone.
  absl::StatusOr<Listing> List(const Filter& filter, int64_t after, int limit,
                               int max_rows = kAllRows) const;

  // The oldest QUEUED experience with sequence > after; nullopt: none now.
  std::optional<int64_t> NextQueued(int64_t after) const;
  // Blocks until an experience is QUEUED beyond `after`, `deadline` passes or
  // WakeWaiters is called. It may return early, but never misses a wake: the first wait
  // that begins after WakeWaiters returns at once.
  void AwaitQueued(int64_t after, absl::Time deadline) const;
  void WakeWaiters();

  // READY experiences in order, those in training among them, those that are superseded not.
  struct ReadyExperience {
    int64_t sequence;
    absl::Time since;  // when it became READY
    int32_t target_tokens;
  };
  std::vector<ReadyExperience> Ready() const;
  // Sequences that wait for generation (QUEUED), up to and including `last`.
  int64_t CountQueued(int64_t last) const;

  // QUEUED -> READY with its target sentences and probes, in one transaction.
  // FAILED_PRECONDITION when it is not QUEUED any more; INVALID_ARGUMENT without targets.
  // Probe ids are given here.
  absl::Status StoreTargets(int64_t sequence, const std::vector<store::TargetRecord>& targets,
                            std::vector<store::ProbeRecord> probes);
  // QUEUED or READY -> QUARANTINED; FAILED_PRECONDITION from any other state.
  absl::Status Quarantine(int64_t sequence, const std::string& reason);
  // HELD or QUARANTINED -> READY, or QUEUED where it has no targets; FAILED_PRECONDITION
  // from any other state.
  absl::StatusOr<store::ExperienceRecord> Release(int64_t sequence);
  // Those that `selector` fits, in order; forgotten ones by sequence or request_id only, since
  // they have no labels. NOT_FOUND where the sequence or the request_id is of none.
  absl::StatusOr<std::vector<int64_t>> Select(const ForgetSelector& selector) const;

  // Makes tombstones of `sequences`, in one synced transaction; those that are one already
  // stay as they are. `keep_probes` tells of which the probes are still to be asked.
  // NOT_FOUND when one is not there: then nothing is forgotten. Gives what is left of them.
  absl::StatusOr<std::vector<store::ExperienceRecord>> Forget(
      const std::vector<int64_t>& sequences, const std::string& reason,
      absl::FunctionRef<bool(int64_t sequence)> keep_probes);
  // The same within another's transaction. Call Refresh after it.
  absl::Status StageForget(store::Transaction& transaction, int64_t sequence,
                           const std::string& reason, bool keep_probes);
  // Deletes the probes that a forgotten experience has kept.
  absl::Status StageDropProbes(store::Transaction& transaction, int64_t sequence);

  // Tombstones of which a version, or a probe, may still hold something, in order: each from
  // the moment that it is staged, so that no transaction can miss it, until CloseTombstones;
  // after a restart all of them again. So there may be some among them that are none yet or,
  // where their transaction failed, never were.
  std::vector<int64_t> OpenTombstones() const;
  // No version and no probe holds anything of these, nor ever will again.
  void CloseTombstones(const std::vector<int64_t>& sequences);

  // Records what was measured on `version`, by sequence; nothing else of the rows changes.
  // Sequences that are not there, and forgotten ones, are left out.
  absl::Status RecordEfficacy(const std::map<int64_t, double>& efficacies, int64_t version);

  // READY -> INTEGRATED for `sequences`, within the transaction that commits `version`; of
  // those that are INTEGRATED already, because it was made again, only the efficacy changes.
  // FAILED_PRECONDITION for any other state. Call Refresh after the transaction, whatever its
  // outcome.
  absl::Status StageIntegrated(store::Transaction& transaction,
                               const std::vector<int64_t>& sequences, int64_t version,
                               const std::map<int64_t, double>& efficacies);
  // READY -> HELD or QUARANTINED (`state`) with `reason` for those of `sequences` that are
  // READY, within the transaction that ends their job. Call Refresh as above.
  absl::Status StageSetAside(store::Transaction& transaction, const std::vector<int64_t>& sequences,
                             store::StoredState state, const std::string& reason);
  // HELD -> READY for those of `sequences` that are HELD, within the transaction that holds
  // them back for a version that they are to be trained into again. Call Refresh as above.
  absl::Status StageReleaseHeld(store::Transaction& transaction,
                                const std::vector<int64_t>& sequences);
  // Makes states agree with a current version that contains exactly the experiences
  // for which `contained` is true: INTEGRATED -> HELD, HELD or READY -> INTEGRATED. Gives
  // how many became HELD. Call Refresh after the transaction, whatever its outcome.
  absl::StatusOr<int64_t> StageMembership(store::Transaction& transaction,
                                          absl::FunctionRef<bool(int64_t sequence)> contained);
  // Brings the counts and indexes in memory up to what the store says and tells the
  // listeners; after each transaction that was staged into.
  absl::Status Refresh();

  // Which READY experiences are in the running job (not durable).
  void SetTraining(const std::vector<int64_t>& sequences);
  bool IsTraining(int64_t sequence) const;

  // QUEUED, READY and TRAINING experiences that carry all of `labels`, newest first,
  // at most `limit`. Never HELD, quarantined, forgotten, superseded or expired ones.
  absl::StatusOr<std::vector<store::ExperienceRecord>> Pending(const Labels& labels,
                                                               int limit) const;

  // Whether an experience that is QUEUED or READY supersedes it.
  bool IsSuperseded(int64_t sequence) const;
  bool IsForgotten(int64_t sequence) const;

  StateCounts Counts() const;
  // When the oldest QUEUED or READY experience was accepted; nullopt: none waits.
  std::optional<absl::Time> OldestWaiting() const;
  int64_t last_sequence() const;
  // Appends that wait to be written, and their bytes.
  struct PendingAppends {
    int64_t count = 0;
    int64_t bytes = 0;
  };
  PendingAppends pending_appends() const;

  void AddListener(Listener listener);

 private:
  struct PendingAppend {
    store::ExperienceRecord record;
    AppendCallback done;
    std::string supersedes;
  };

  ExperienceLog(store::Store* store, const ExperienceLogOptions& options, const Clock* clock,
                StateIndex index);

  // Whether the disk has room for more than what is there.
  absl::Status CheckDisk() const;
  // Whether an append of so many bytes may wait now.
  absl::Status CheckRoom(int64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The writer's thread: takes what is queued, writes it, tells.
  void WriteLoop();
  // Up to kMaxBatchAppends; waits for the first. Empty: the log is closing.
  std::vector<PendingAppend> TakeAppends();
  void WriteBatch(std::vector<PendingAppend> appends);

  // Reads an experience, lets `modify` change it, and writes it, in one transaction.
  absl::StatusOr<store::ExperienceRecord> Change(
      int64_t sequence,
      absl::FunctionRef<absl::Status(store::Transaction&, store::ExperienceRecord&)> modify);
  // Takes committed rows over into the index, and into the listeners' queue.
  void Applied(const std::vector<store::ExperienceRecord>& records)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Builds the index anew when the store was opened again since.
  void ReloadIfReopened() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Looks what became of the staged experiences.
  absl::Status ApplyStaged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void Tell(store::ExperienceRecord record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Calls the listeners for what is queued, unless another thread is about it.
  void Deliver() ABSL_LOCKS_EXCLUDED(write_mutex_, mutex_);
  void MarkStaged(int64_t sequence) ABSL_LOCKS_EXCLUDED(mutex_);
  // As List, by heads alone.
  struct Found {
    std::vector<int64_t> sequences;
    std::optional<int64_t> next_after;
    int rows = 0;
  };
  absl::StatusOr<Found> Find(const Filter& filter, int64_t after, int limit, int max_rows) const;
  // The next rows that may fit: of the state that `filter` asks for.
  absl::StatusOr<std::vector<store::ExperienceRecord>> NextHeads(const Filter& filter,
                                                                 int64_t after, int count) const;
  bool Fits(const Filter& filter, const store::ExperienceRecord& record) const;

  store::Store* const store_;
  const ExperienceLogOptions options_;
  const Clock* const clock_;

  // Held over each transaction of the log and the change of the index after it, so that the
  // index changes in the order of the store. Never taken within a transaction.
  absl::Mutex write_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  // Store::reopened() of the time when the index was built.
  int64_t seen_reopened_ ABSL_GUARDED_BY(write_mutex_);

  mutable absl::Mutex mutex_;
  mutable absl::CondVar queued_or_woken_;
  absl::CondVar append_or_stopping_;
  std::deque<PendingAppend> appends_ ABSL_GUARDED_BY(mutex_);
  int64_t pending_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  StateIndex index_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<int64_t> training_ ABSL_GUARDED_BY(mutex_);
  // Staged into somebody's transaction since the last Refresh.
  absl::flat_hash_set<int64_t> staged_ ABSL_GUARDED_BY(mutex_);
  absl::btree_set<int64_t> open_tombstones_ ABSL_GUARDED_BY(mutex_);
  int64_t wakes_ ABSL_GUARDED_BY(mutex_) = 0;
  // A wake that came while nobody waited, perhaps.
  mutable bool wake_is_due_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Listener> listeners_ ABSL_GUARDED_BY(mutex_);
  std::deque<store::ExperienceRecord> untold_ ABSL_GUARDED_BY(mutex_);
  bool telling_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread writer_;
};

}  // namespace imprint::experience

#endif  // IMPRINT_SERVER_EXPERIENCE_EXPERIENCE_LOG_H_
