// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Named points before and after every durable step, at which a test has the server crash, fail or
// wait. They are there only where IMPRINT_FAILPOINTS is defined (the CMake option of that name, and
// imprintd_failpoints in every build); elsewhere the macros are nothing.
//
// The environment variable IMPRINT_FAILPOINTS says what happens where, `;` between points:
//   version.write.after=crash@3       the third time, as kill -9: nothing is flushed
//   store.write.after=error           UNAVAILABLE, each time; error:CODE is another code
//   commit.before=delay:50            milliseconds, each time
// `list` prints the points and ends the program. What cannot be read ends it too.

#ifndef IMPRINT_COMMON_FAILPOINT_H_
#define IMPRINT_COMMON_FAILPOINT_H_

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace imprint::failpoint {

enum class Kind {
  kPlain,    // crash and delay
  kCanFail,  // error as well: its function gives a Status
};

struct Point {
  std::string_view name;
  Kind kind;
  std::string_view place;  // for a person
};

// In the order in which an experience meets them. An error is given where the callers must bear
// one: not behind a transaction that is durable, whose caller may rely on its OK.
inline constexpr Point kPoints[] = {
    {"append.before", Kind::kPlain, "a batch of experiences is taken, not written"},
    {"append.after", Kind::kPlain, "it is durable, not acknowledged"},
    {"targets.before", Kind::kCanFail, "target sentences are made, not written"},
    {"targets.after", Kind::kPlain, "they are durable"},
    {"forget.before", Kind::kCanFail, "before the tombstones are written"},
    {"forget.after", Kind::kPlain, "they are durable, not acknowledged"},
    {"store.write.before", Kind::kCanFail, "before any transaction is written"},
    {"store.write.after", Kind::kCanFail, "it is written and synced"},
    {"store.probe.written", Kind::kPlain, "after a failed write: the disk was tried out"},
    {"job.plan.before", Kind::kCanFail, "before a job has a row"},
    {"job.plan.after", Kind::kPlain, "its row is durable"},
    {"job.begin.before", Kind::kCanFail, "before it is TRAINING"},
    {"job.begin.after", Kind::kPlain, "it is TRAINING"},
    {"train.step.before", Kind::kCanFail, "the gradient is computed"},
    {"train.step.after", Kind::kCanFail, "the adapter is changed"},
    {"job.advance.before", Kind::kCanFail, "before any other state of a job is written"},
    {"job.advance.after", Kind::kPlain, "it is durable"},
    {"job.end.before", Kind::kCanFail, "before a job is split, set aside or cancelled"},
    {"job.end.after", Kind::kPlain, "that is durable"},
    {"version.write.before", Kind::kCanFail, "before a version has a directory"},
    {"tensors.fsync.before", Kind::kCanFail, "tensors are written, not synced"},
    {"tensors.fsync.after", Kind::kCanFail, "they are synced"},
    {"version.write.after", Kind::kCanFail, "<number>.tmp is complete and synced"},
    {"version.rename.before", Kind::kPlain, "what an older attempt left is removed"},
    {"version.rename.after", Kind::kCanFail, "<number> is there, its parent not synced"},
    {"version.fsync.after", Kind::kCanFail, "the version is stored"},
    {"file.fsync.before", Kind::kCanFail, "any other file is written, not synced"},
    {"file.fsync.after", Kind::kCanFail, "it is synced, under its temporary name"},
    {"file.rename.before", Kind::kCanFail, "before it gets its own name"},
    {"file.rename.after", Kind::kCanFail, "it has it; the folder is not synced"},
    {"directory.fsync.before", Kind::kCanFail, "before any folder is synced"},
    {"directory.fsync.after", Kind::kCanFail, "it is synced"},
    {"commit.before", Kind::kCanFail, "before the transaction that commits a version"},
    {"rollback.before", Kind::kCanFail, "before the transaction that rolls back"},
    {"switch.before", Kind::kCanFail, "either of them is about to be written"},
    {"switch.durable", Kind::kPlain, "it is durable, the pointer not moved"},
    {"switch.after", Kind::kPlain, "the pointer is moved"},
    {"commit.after", Kind::kPlain, "old versions are dropped"},
    {"rollback.after", Kind::kPlain, "the same, after a rollback"},
    {"version.drop.before", Kind::kCanFail, "before a version is marked as dropped"},
    {"version.drop.marked", Kind::kCanFail, "it is marked, its files are there"},
    {"version.remove.after", Kind::kCanFail, "its files are gone, the folder is not synced"},
    {"purge.before", Kind::kCanFail, "something that was forgotten lies in files"},
    {"purge.flushed", Kind::kCanFail, "the write-ahead log has begun anew"},
    {"purge.compacted", Kind::kCanFail, "tables are rewritten"},
    {"purge.files_deleted", Kind::kCanFail, "obsolete files are gone; the list stands"},
    {"purge.after", Kind::kPlain, "the list is empty"},
    {"backup.staged", Kind::kCanFail, "a backup is links in the data folder"},
    {"backup.files_kept", Kind::kCanFail, "its files are copied, the store is not"},
    {"backup.created", Kind::kCanFail, "it is there; older ones are not deleted yet"},
    {"orphan.remove.before", Kind::kCanFail, "at the start: a folder belongs to no version"},
    {"orphan.remove.after", Kind::kCanFail, "it is gone, its parent is not synced"},
};

// The index of a point; a name that is none does not compile.
consteval size_t IndexOf(std::string_view name) {
  for (size_t i = 0; i < std::size(kPoints); ++i) {
    if (kPoints[i].name == name) return i;
  }
  throw "no point has this name";
}

// Has happen what `settings` says, in the form of the environment variable, from now on and
// counted from here; nothing else. INVALID_ARGUMENT: then nothing is changed. Thread-safe.
absl::Status Arm(std::string_view settings);

// A line for each point: its name, what it can do, where it is.
std::string List();

// What the macros call. OK, or the error that is to be returned.
absl::Status Reach(size_t point);

}  // namespace imprint::failpoint

// IMPRINT_FAILPOINT: a point of kind kPlain. IMPRINT_FAILPOINT_OR_RETURN: one of kind kCanFail,
// in a function that returns Status or StatusOr.
#ifdef IMPRINT_FAILPOINTS
#define IMPRINT_FAILPOINT(name)                                            \
  do {                                                                     \
    constexpr size_t imprint_point_ = ::imprint::failpoint::IndexOf(name); \
    static_assert(::imprint::failpoint::kPoints[imprint_point_].kind ==    \
                  ::imprint::failpoint::Kind::kPlain);                     \
    ::imprint::failpoint::Reach(imprint_point_).IgnoreError();             \
  } while (false)
#define IMPRINT_FAILPOINT_OR_RETURN(name)                                           \
  do {                                                                              \
    constexpr size_t imprint_point_ = ::imprint::failpoint::IndexOf(name);          \
    static_assert(::imprint::failpoint::kPoints[imprint_point_].kind ==             \
                  ::imprint::failpoint::Kind::kCanFail);                            \
    if (absl::Status imprint_status_ = ::imprint::failpoint::Reach(imprint_point_); \
        !imprint_status_.ok()) {                                                    \
      return imprint_status_;                                                       \
    }                                                                               \
  } while (false)
#else
#define IMPRINT_FAILPOINT(name) static_cast<void>(0)
#define IMPRINT_FAILPOINT_OR_RETURN(name) static_cast<void>(0)
#endif

#endif  // IMPRINT_COMMON_FAILPOINT_H_
