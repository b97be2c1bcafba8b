// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// When to wait no longer for updates that do not come.

#ifndef IMPRINT_CLIENT_CLI_STANDSTILL_H_
#define IMPRINT_CLIENT_CLI_STANDSTILL_H_

#include <string>

#include "absl/time/time.h"
#include "imprint/v1/admin_service.pb.h"

namespace imprint::client {

// A pause is somebody's wish and ends the wait at once, as does a job that awaits approval. A
// standstill is trouble that the server gets over by itself as a rule (a full disk, a busy engine):
// it ends the wait when it lasted, with nothing moving in between. A status without a reason is an
// attempt of the server: it neither counts as standing nor as moving.
class Standstill {
 public:
  explicit Standstill(absl::Duration patience = absl::Seconds(60)) : patience_(patience) {}

  // To be told of each look at the server; `moved`: something waited for changed since the
  // last one. Gives why to wait no longer; empty: go on.
  std::string Observe(absl::Time now, const v1::GetStatusResponse& status, bool moved);

 private:
  const absl::Duration patience_;
  absl::Time last_ = absl::InfiniteFuture();  // the last look, if updates stood still then
  absl::Duration stood_ = absl::ZeroDuration();
};

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_STANDSTILL_H_
