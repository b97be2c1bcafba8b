// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The tokens that a server knows, from the file of --auth.tokens_file: a TokenLine a line, empty
// lines, and comments that begin with "#".

#ifndef IMPRINT_SERVER_AUTH_TOKENS_H_
#define IMPRINT_SERVER_AUTH_TOKENS_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/clock.h"
#include "common/token_line.h"
#include "server/auth/quota.h"
#include "server/metrics/metrics.h"

namespace imprint::auth {

// Lines of a file: each call compares with all of them.
inline constexpr size_t kMaxTokens = 1000;

// One line, and what is left of its quotas, which last as long as the line keeps its name and
// limits.
struct Token {
  TokenLine line;
  std::shared_ptr<Quota> requests;
  std::shared_ptr<Quota> inject_bytes;
};

// Thread-safe. A thread of its own looks once a second whether the file is another one.
class Tokens {
 public:
  // Reads the file (ReadSecret). INVALID_ARGUMENT names the line that is wrong, and both where two
  // have one hash. `metrics` (may be null) and `clock` outlive it.
  static absl::StatusOr<std::unique_ptr<Tokens>> Open(const std::filesystem::path& file,
                                                      metrics::AuthMetrics* metrics,
                                                      const Clock* clock);
  ~Tokens();

  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;

  // The line of a token; null: none. Takes the same time whichever it is, and whether or not it
  // is one.
  std::shared_ptr<const Token> Find(absl::string_view token) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Reads the file where it changed since it was last read. A bad one, or none, leaves the tokens
  // as they were: an error, a line of the log, and a metric until the file is good. One that cannot
  // be read is tried again by each call, and is one line of the log for as long as the cause stays.
  absl::Status Refresh() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Table = std::vector<std::shared_ptr<const Token>>;

  Tokens(std::filesystem::path file, metrics::AuthMetrics* metrics, const Clock* clock);

  absl::StatusOr<std::shared_ptr<const Table>> Parse(absl::string_view text) const;
  std::shared_ptr<const Table> table() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Watch();

  const std::filesystem::path file_;
  metrics::AuthMetrics* const metrics_;
  const Clock* const clock_;

  // What the file looked like; of the thread that calls Refresh, one at a time.
  absl::Mutex refresh_mutex_;
  std::string seen_ ABSL_GUARDED_BY(refresh_mutex_);
  // What was wrong with it last, as the log has it; empty: nothing.
  std::string logged_ ABSL_GUARDED_BY(refresh_mutex_);

  mutable absl::Mutex mutex_;
  std::shared_ptr<const Table> table_ ABSL_GUARDED_BY(mutex_) = std::make_shared<const Table>();

  absl::Notification stop_;
  std::thread watcher_;
};

}  // namespace imprint::auth

#endif  // IMPRINT_SERVER_AUTH_TOKENS_H_
