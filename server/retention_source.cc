// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/retention_source.h"

#include <utility>

#include "common/status_macros.h"

namespace imprint {

RetentionSource::RetentionSource(const generator::RetentionTextOptions& options,
                                 engine::Engine* engine, engine::SharedVersion base,
                                 const text::TextModel* text, std::filesystem::path cache)
    : options_(options),
      engine_(engine),
      base_(std::move(base)),
      text_(text),
      cache_(std::move(cache)) {}

absl::StatusOr<const generator::RetentionText*> RetentionSource::Get(
    const std::function<bool()>& cancelled) {
  absl::MutexLock lock(&mutex_);
  if (!made_.has_value()) {
    IMPRINT_ASSIGN_OR_RETURN(made_, generator::LoadOrMakeRetentionText(options_, engine_, base_,
                                                                       *text_, cache_, cancelled));
  }
  return &*made_;
}

}  // namespace imprint
