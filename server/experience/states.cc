// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/experience/states.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace imprint::experience {

std::string StateName(store::StoredState state) {
  return std::string(absl::StripPrefix(store::StoredState_Name(state), "STORED_STATE_"));
}

bool IsLegalTransition(store::StoredState from, store::StoredState to) {
  if (to == store::STORED_STATE_FORGOTTEN) return from != store::STORED_STATE_FORGOTTEN;
  switch (from) {
    case store::STORED_STATE_QUEUED:
      return to == store::STORED_STATE_READY || to == store::STORED_STATE_QUARANTINED;
    case store::STORED_STATE_READY:
      return to == store::STORED_STATE_INTEGRATED || to == store::STORED_STATE_QUARANTINED ||
             to == store::STORED_STATE_HELD;
    case store::STORED_STATE_INTEGRATED:
      return to == store::STORED_STATE_HELD;
    case store::STORED_STATE_HELD:
    case store::STORED_STATE_QUARANTINED:
      return to == store::STORED_STATE_INTEGRATED || to == store::STORED_STATE_READY ||
             to == store::STORED_STATE_QUEUED;
    default:
      return false;
  }
}

absl::Status MoveTo(store::StoredState state, std::string_view reason, absl::Time now,
                    store::ExperienceRecord& record) {
  if (!IsLegalTransition(record.state(), state)) {
    return absl::FailedPreconditionError(absl::StrCat("experiences/", record.sequence(), " is ",
                                                      StateName(record.state()),
                                                      " and cannot become ", StateName(state)));
  }
  record.set_state(state);
  record.set_state_reason(std::string(reason));
  record.set_update_time_micros(absl::ToUnixMicros(now));
  return absl::OkStatus();
}

}  // namespace imprint::experience
