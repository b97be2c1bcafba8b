// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What another model wrote is learned only where the text bears it out.

#ifndef IMPRINT_SERVER_GENERATOR_REMOTE_AUDIT_H_
#define IMPRINT_SERVER_GENERATOR_REMOTE_AUDIT_H_

#include "absl/strings/string_view.h"
#include "server/generator/restate.h"

namespace imprint::generator {

// Whether every number and name of the question and of the answer stands in `chunk`, and the
// answer has a word of the chunk that the question did not give away. An answer that is only the
// subject's name passes: the question may have been asked the other way round.
bool IsBorneOut(const Exchange& exchange, absl::string_view chunk);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_REMOTE_AUDIT_H_
