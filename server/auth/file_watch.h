// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Files that may change while the server runs, and may be bad when they do: tokens, certificates.

#ifndef IMPRINT_SERVER_AUTH_FILE_WATCH_H_
#define IMPRINT_SERVER_AUTH_FILE_WATCH_H_

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "prometheus/gauge.h"

namespace imprint::auth {

// Thread-safe. A thread of its own looks once a second whether the files are others.
class FileWatch {
 public:
  struct Options {
    std::vector<std::filesystem::path> files;
    // The log says of bad ones "NAME: what is wrong; MEANWHILE".
    std::string name;
    std::string meanwhile;
    // 1 while they are bad; outlives it, may be null.
    prometheus::Gauge* bad = nullptr;
  };

  // Reads the files and puts what they hold in force, all or nothing. INVALID_ARGUMENT: they are
  // wrong as they are. Called by one thread at a time.
  using Load = absl::AnyInvocable<absl::Status()>;

  // Loads; its error. What `load` uses outlives the watch.
  static absl::StatusOr<std::unique_ptr<FileWatch>> Start(Options options, Load load);
  ~FileWatch();

  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Loads where one of the files changed since the last time. Bad ones are an error, a line of the
  // log, and `bad` until they are good. Files that could not be read are tried again by each call,
  // and are one line of the log for as long as the cause stays.
  absl::Status Refresh() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  FileWatch(Options options, Load load);

  void Watch();

  const Options options_;

  absl::Mutex mutex_;
  Load load_ ABSL_GUARDED_BY(mutex_);
  // What the files looked like.
  std::string seen_ ABSL_GUARDED_BY(mutex_);
  // What was wrong with them last, as the log has it; empty: nothing.
  std::string logged_ ABSL_GUARDED_BY(mutex_);

  absl::Notification stop_;
  std::thread watcher_;
};

}  // namespace imprint::auth

#endif  // IMPRINT_SERVER_AUTH_FILE_WATCH_H_
