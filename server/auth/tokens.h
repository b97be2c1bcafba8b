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
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/token_line.h"
#include "server/auth/file_watch.h"
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

// Thread-safe. The file is watched (FileWatch).
class Tokens {
 public:
  // Reads the file (ReadSecret). INVALID_ARGUMENT names the line that is wrong, and both where two
  // have one hash. `metrics` (may be null) and `clock` outlive it.
  static absl::StatusOr<std::unique_ptr<Tokens>> Open(const std::filesystem::path& file,
                                                      metrics::AuthMetrics* metrics,
                                                      const Clock* clock);
  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;

  // The line of a token; null: none. Takes the same time whichever it is, and whether or not it
  // is one.
  std::shared_ptr<const Token> Find(absl::string_view token) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Reads the file where it changed since it was last read. A bad one, or none, is an error and
  // leaves the tokens as they were (FileWatch::Refresh).
  absl::Status Refresh() { return watch_->Refresh(); }

 private:
  using Table = std::vector<std::shared_ptr<const Token>>;

  Tokens(std::filesystem::path file, metrics::AuthMetrics* metrics, const Clock* clock);

  absl::StatusOr<std::shared_ptr<const Table>> Parse(absl::string_view text) const;
  std::shared_ptr<const Table> table() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::filesystem::path file_;
  metrics::AuthMetrics* const metrics_;
  const Clock* const clock_;

  mutable absl::Mutex mutex_;
  std::shared_ptr<const Table> table_ ABSL_GUARDED_BY(mutex_) = std::make_shared<const Table>();

  // Last: its thread loads into the others.
  std::unique_ptr<FileWatch> watch_;
};

}  // namespace imprint::auth

#endif  // IMPRINT_SERVER_AUTH_TOKENS_H_
