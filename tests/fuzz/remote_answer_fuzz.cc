// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What an endpoint of --generator.endpoint answers. Questions and answers are text that a sentence
// can have, no more of them than asked for, and given back in the plainest form are read the same.

#include "common/utf8.h"
#include "nlohmann/json.hpp"
#include "server/generator/remote_dialogue.h"
#include "tests/fuzz/fuzz.h"

namespace imprint::fuzz {
namespace {

using generator::Exchange;

constexpr size_t kMaxCount = 5;

void CheckText(const std::string& text) {
  FUZZ_CHECK(!text.empty() && IsValidUtf8(text));
  FUZZ_CHECK(text.front() != ' ' && text.back() != ' ');
  FUZZ_CHECK(text.find("  ") == std::string::npos);
  for (const char c : text) FUZZ_CHECK(static_cast<uint8_t>(c) >= 0x20 && c != 0x7F);
}

std::string Body(const std::string& content) {
  return nlohmann::json{{"choices", {{{"message", {{"content", content}}}}}}}.dump();
}

void CheckBody(absl::string_view body) {
  const auto exchanges = generator::ReadExchanges(body, kMaxCount);
  if (!exchanges.has_value()) return;
  FUZZ_CHECK(exchanges->size() <= kMaxCount);
  nlohmann::json plain = nlohmann::json::array();
  for (const Exchange& exchange : *exchanges) {
    CheckText(exchange.question);
    CheckText(exchange.answer);
    plain.push_back({{"question", exchange.question}, {"answer", exchange.answer}});
  }
  const auto again = generator::ReadExchanges(Body(plain.dump()), kMaxCount);
  FUZZ_CHECK(again.has_value() && again->size() == exchanges->size());
  for (size_t i = 0; i < again->size(); ++i) {
    FUZZ_CHECK((*again)[i].question == (*exchanges)[i].question);
    FUZZ_CHECK((*again)[i].answer == (*exchanges)[i].answer);
  }
}

}  // namespace
}  // namespace imprint::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  imprint::fuzz::CheckBody(text);
  // As the content of a well-formed body, which is where the looking begins.
  if (imprint::IsValidUtf8(text)) imprint::fuzz::CheckBody(imprint::fuzz::Body(text));
  return 0;
}
