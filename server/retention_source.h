// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The retention text of a server: made when it is first asked for, kept from then on.

#ifndef IMPRINT_SERVER_RETENTION_SOURCE_H_
#define IMPRINT_SERVER_RETENTION_SOURCE_H_

#include <filesystem>
#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/engine/engine.h"
#include "server/generator/retention_text.h"
#include "server/text/text_model.h"

namespace imprint {

// Thread-safe.
class RetentionSource {
 public:
  // All pointers outlive it.
  RetentionSource(const generator::RetentionTextOptions& options, engine::Engine* engine,
                  engine::SharedVersion base, const text::TextModel* text,
                  std::filesystem::path cache);

  // The text, which lives as long as the source; the first call takes a minute or reads the
  // cache. An error is not kept: the next call tries again.
  absl::StatusOr<const generator::RetentionText*> Get(const std::function<bool()>& cancelled)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const generator::RetentionTextOptions options_;
  engine::Engine* const engine_;
  const engine::SharedVersion base_;
  const text::TextModel* const text_;
  const std::filesystem::path cache_;
  absl::Mutex mutex_;
  std::optional<generator::RetentionText> made_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint

#endif  // IMPRINT_SERVER_RETENTION_SOURCE_H_
