// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Bodies such as an endpoint of the OpenAI kind sends.

#ifndef IMPRINT_TESTS_GENERATOR_COMPLETION_H_
#define IMPRINT_TESTS_GENERATOR_COMPLETION_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "server/generator/restate.h"

namespace imprint::testing {

// A completion that says `content`.
inline std::string Completion(const std::string& content) {
  const nlohmann::json message = {{"role", "assistant"}, {"content", content}};
  const nlohmann::json choice = {{"index", 0}, {"message", message}, {"finish_reason", "stop"}};
  return nlohmann::json{{"object", "chat.completion"}, {"choices", nlohmann::json::array({choice})}}
      .dump();
}

// The content that is asked for.
inline std::string AsJson(const std::vector<generator::Exchange>& exchanges) {
  nlohmann::json list = nlohmann::json::array();
  for (const generator::Exchange& exchange : exchanges) {
    list.push_back({{"question", exchange.question}, {"answer", exchange.answer}});
  }
  return list.dump();
}

// What the user's message of a request says.
inline std::string TaskOf(const std::string& request) {
  return nlohmann::json::parse(request).at("messages").at(1).at("content").get<std::string>();
}

}  // namespace imprint::testing

#endif  // IMPRINT_TESTS_GENERATOR_COMPLETION_H_
