// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The legal transitions of an experience (experience_log.h lists them).

#ifndef IMPRINT_SERVER_EXPERIENCE_STATES_H_
#define IMPRINT_SERVER_EXPERIENCE_STATES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/store/records.pb.h"

namespace imprint::experience {

// "QUEUED".
std::string StateName(store::StoredState state);

// Every state but FORGOTTEN itself can become FORGOTTEN.
bool IsLegalTransition(store::StoredState from, store::StoredState to);

// Sets state, reason and time of change. FAILED_PRECONDITION when the transition is not
// legal; `record` is then as it was.
absl::Status MoveTo(store::StoredState state, std::string_view reason, absl::Time now,
                    store::ExperienceRecord& record);

}  // namespace imprint::experience

#endif  // IMPRINT_SERVER_EXPERIENCE_STATES_H_
