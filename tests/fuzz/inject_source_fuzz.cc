// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A line of the JSON lines that `imprint inject` reads. What is taken is, field by field, what
// the line says.

#include "client/cli/inject_source.h"
#include "common/utf8.h"
#include "nlohmann/json.hpp"
#include "tests/fuzz/fuzz.h"

namespace imprint::fuzz {
namespace {

using nlohmann::json;

// The line that says what `request` does.
json ToJson(const v1::InjectContextRequest& request) {
  json line = json::object();
  if (request.content().has_text()) line["text"] = request.content().text();
  for (const v1::ChatMessage& message : request.content().conversation().messages()) {
    line["messages"].push_back({{"role", message.role()}, {"content", message.content()}});
  }
  if (!request.request_id().empty()) line["request_id"] = request.request_id();
  if (!request.supersedes().empty()) line["supersedes"] = request.supersedes();
  if (request.has_ttl()) line["ttl_seconds"] = request.ttl().seconds();
  for (const auto& [key, value] : request.labels()) line["labels"][key] = value;
  for (const v1::TargetSentence& target : request.targets()) {
    json& added = line["targets"].emplace_back(json::object());
    if (target.has_question_answer()) {
      added["question"] = target.question_answer().question();
      added["answer"] = target.question_answer().answer();
    } else {
      added["text"] = target.text();
    }
  }
  for (const v1::InjectProbe& probe : request.probes()) {
    line["probes"].push_back(
        {{"question", probe.question()}, {"expected_answer", probe.expected_answer()}});
  }
  return line;
}

}  // namespace
}  // namespace imprint::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using imprint::client::ParseItem;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto request = ParseItem(text);
  if (!request.ok()) {
    FUZZ_CHECK(!request.status().message().empty());
    return 0;
  }
  std::string bytes;
  FUZZ_CHECK(request->SerializeToString(&bytes));
  imprint::v1::InjectContextRequest received;
  FUZZ_CHECK(received.ParseFromString(bytes));

  const nlohmann::json line = nlohmann::json::parse(text.begin(), text.end());
  if (const auto labels = line.find("labels"); labels != line.end()) {
    FUZZ_CHECK(labels->size() == request->labels().size());
    for (const auto& [key, value] : labels->items()) {
      FUZZ_CHECK(request->labels().at(key) == value.get<std::string>());
    }
  }
  const nlohmann::json written = imprint::fuzz::ToJson(*request);
  const auto again = ParseItem(written.dump());
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(imprint::fuzz::ToJson(*again) == written);
  return 0;
}
