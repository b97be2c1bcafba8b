// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What is said to an endpoint of the OpenAI kind (POST /chat/completions), and how its answer is
// read.

#ifndef IMPRINT_SERVER_GENERATOR_REMOTE_DIALOGUE_H_
#define IMPRINT_SERVER_GENERATOR_REMOTE_DIALOGUE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/generator/restate.h"

namespace imprint::generator {

// The body of a request for `count` questions with their answers about `chunk`, none of which is
// one of `asked`. Of the sampling nothing is said: not every endpoint takes the same.
std::string RemoteRequest(const std::string& model, const std::string& chunk,
                          const std::vector<std::string>& asked, int count);

// The questions with their answers in the body of a response, white space made single; at most
// `max_count`. They are looked for as JSON objects wherever they stand: in an array, within another
// object, in a code fence, after an introduction, before the point where an array was cut off.
// Empty where there is an empty array in their stead, none where the body is something else. Takes
// time in proportion to the body, whatever it is.
std::optional<std::vector<Exchange>> ReadExchanges(absl::string_view body, size_t max_count);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_REMOTE_DIALOGUE_H_
