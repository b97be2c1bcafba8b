// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/validate.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/resource_name.h"
#include "common/string_view.h"
#include "server/rpc/errors.h"

namespace imprint::rpc {
namespace {

using LabelMap = google::protobuf::Map<std::string, std::string>;
using Messages = google::protobuf::RepeatedPtrField<v1::ChatMessage>;

bool IsBlank(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); });
}

// 1203114 as "1,203,114".
std::string WithCommas(int64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

void CheckBytes(const std::string& field, absl::string_view what, int64_t bytes,
                const Limits& limits, FieldErrors* errors) {
  if (bytes <= limits.max_inject_bytes) return;
  errors->Add(field, absl::StrCat(what, " is ", WithCommas(bytes), " bytes; the limit is ",
                                  WithCommas(limits.max_inject_bytes), " (--inject.max_bytes)"));
}

// As CheckBytes, of what goes to the model. One that is only a little too long for its window is
// told when its tokens are counted.
void CheckPromptBytes(const std::string& field, absl::string_view what, int64_t bytes,
                      const Limits& limits, FieldErrors* errors) {
  const int64_t most = kMaxBytesPerToken * limits.window;
  if (bytes > limits.max_inject_bytes || bytes <= most) {
    return CheckBytes(field, what, bytes, limits, errors);
  }
  errors->Add(field, absl::StrCat(what, " is ", WithCommas(bytes), " bytes; the model's window is ",
                                  WithCommas(limits.window), " tokens, which hold no more than ",
                                  WithCommas(most)));
}

void CheckCount(const std::string& field, int count, int limit, FieldErrors* errors) {
  if (count > limit) {
    errors->Add(field, absl::StrCat("has ", count, " entries; the limit is ", limit));
  }
}

void CheckRequestId(const std::string& id, FieldErrors* errors) {
  if (id.size() <= kMaxRequestIdBytes) return;
  errors->Add("request_id",
              absl::StrCat("is ", id.size(), " bytes; the limit is ", kMaxRequestIdBytes));
}

void CheckNotBlank(const std::string& field, const std::string& text, FieldErrors* errors) {
  if (IsBlank(text)) errors->Add(field, "is empty");
}

void CheckNotNegative(const std::string& field, int64_t value, FieldErrors* errors) {
  if (value < 0) errors->Add(field, absl::StrCat("is ", value, "; it must not be negative"));
}

bool IsLabelCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("_-./", c);
}

void CheckLabels(const std::string& field, const LabelMap& labels, FieldErrors* errors) {
  CheckCount(field, static_cast<int>(labels.size()), kMaxLabels, errors);
  // In order, so that the same request gives the same answer.
  std::set<std::string> keys;
  for (const auto& [key, value] : labels) keys.insert(key);
  for (const std::string& key : keys) {
    const std::string shown = Shortened(key, kMaxLabelKeyBytes);
    if (key.empty() || key.size() > kMaxLabelKeyBytes ||
        !std::all_of(key.begin(), key.end(), IsLabelCharacter)) {
      errors->Add(field, absl::StrCat("key \"", shown, "\" must be 1 to ", kMaxLabelKeyBytes,
                                      " letters, digits, or any of _ - . /"));
    }
    if (labels.at(key).size() > kMaxLabelValueBytes) {
      errors->Add(absl::StrCat(field, "[\"", shown, "\"]"),
                  absl::StrCat("value is ", labels.at(key).size(), " bytes; the limit is ",
                               kMaxLabelValueBytes));
    }
  }
}

int64_t MessageBytes(const Messages& messages) {
  int64_t bytes = 0;
  for (const v1::ChatMessage& message : messages) {
    bytes += static_cast<int64_t>(message.role().size() + message.content().size());
  }
  return bytes;
}

void CheckMessages(const std::string& field, const Messages& messages, FieldErrors* errors) {
  CheckCount(field, messages.size(), kMaxMessages, errors);
  for (int i = 0; i < messages.size(); ++i) {
    const v1::ChatMessage& message = messages[i];
    const std::string at = absl::StrCat(field, "[", i, "]");
    if (message.role() != "system" && message.role() != "user" && message.role() != "assistant") {
      errors->Add(absl::StrCat(at, ".role"),
                  absl::StrCat("is \"", Shortened(message.role(), 32),
                               "\"; give \"system\", \"user\" or \"assistant\""));
    } else if (message.role() == "system" && i > 0) {
      errors->Add(absl::StrCat(at, ".role"), "a system message must be the first one");
    }
    CheckNotBlank(absl::StrCat(at, ".content"), message.content(), errors);
  }
}

// Messages that an answer is to follow.
void CheckPrompt(const Messages& messages, FieldErrors* errors) {
  if (messages.empty()) {
    errors->Add("messages", "is empty; give at least one");
    return;
  }
  CheckMessages("messages", messages, errors);
  if (messages.rbegin()->role() == "assistant") {
    errors->Add(absl::StrCat("messages[", messages.size() - 1, "].role"),
                "the last message must not be the assistant's: the answer follows it");
  }
}

void CheckVersion(const v1::VersionSelector& version, FieldErrors* errors) {
  if (version.has_number()) CheckNotNegative("version.number", version.number(), errors);
}

void CheckSampling(const v1::QueryRequest& request, FieldErrors* errors) {
  const float temperature = request.temperature();
  // Written so that NaN fails.
  if (!(temperature >= 0 && temperature <= kMaxTemperature)) {
    errors->Add("temperature",
                absl::StrCat("is ", temperature, "; give 0 (greedy) to ", kMaxTemperature));
  }
  if (!(request.top_p() >= 0 && request.top_p() <= 1)) {
    errors->Add("top_p", absl::StrCat("is ", request.top_p(), "; give 0 (off) to 1"));
  }
  CheckNotNegative("top_k", request.top_k(), errors);
}

void CheckPendingContext(const v1::QueryRequest& request, const Limits& limits,
                         FieldErrors* errors) {
  if (!request.has_pending_context()) return;
  const v1::PendingContext& pending = request.pending_context();
  CheckNotNegative("pending_context.max_tokens", pending.max_tokens(), errors);
  if (pending.max_tokens() > limits.max_pending_tokens) {
    errors->Add("pending_context.max_tokens",
                absl::StrCat("is ", pending.max_tokens(), "; the limit is ",
                             limits.max_pending_tokens, " (--pending.max_tokens)"));
  }
  CheckLabels("pending_context.labels", pending.labels(), errors);
  if (pending.enabled() && (request.version().has_number() || request.version().base())) {
    errors->Add("pending_context", "works with the latest version only");
  }
}

void CheckTokenIds(const std::string& field, const v1::TokenIds& ids, const Limits& limits,
                   FieldErrors* errors) {
  for (int32_t id : ids.ids()) {
    if (id >= 0 && id < limits.vocab_size) continue;
    errors->Add(field, absl::StrCat("token id ", id, " is outside of the model's vocabulary, 0 to ",
                                    limits.vocab_size - 1));
    return;
  }
}

void CheckTargets(const v1::InjectContextRequest& request, FieldErrors* errors) {
  CheckCount("targets", request.targets_size(), kMaxTargets, errors);
  for (int i = 0; i < request.targets_size(); ++i) {
    const v1::TargetSentence& target = request.targets(i);
    const std::string at = absl::StrCat("targets[", i, "]");
    switch (target.kind_case()) {
      case v1::TargetSentence::kQuestionAnswer:
        CheckNotBlank(absl::StrCat(at, ".question_answer.question"),
                      target.question_answer().question(), errors);
        CheckNotBlank(absl::StrCat(at, ".question_answer.answer"),
                      target.question_answer().answer(), errors);
        break;
      case v1::TargetSentence::kText:
        CheckNotBlank(absl::StrCat(at, ".text"), target.text(), errors);
        break;
      case v1::TargetSentence::KIND_NOT_SET:
        errors->Add(at, "is empty; give question_answer or text");
        break;
    }
  }
}

}  // namespace

absl::Status ValidateInject(const v1::InjectContextRequest& request, const Limits& limits) {
  FieldErrors errors;
  const v1::ExperienceContent& content = request.content();
  switch (content.kind_case()) {
    case v1::ExperienceContent::kText:
      CheckNotBlank("content.text", content.text(), &errors);
      CheckBytes("content.text", "experience", static_cast<int64_t>(content.text().size()), limits,
                 &errors);
      break;
    case v1::ExperienceContent::kConversation:
      if (content.conversation().messages().empty()) {
        errors.Add("content.conversation.messages", "is empty; give at least one");
      }
      CheckMessages("content.conversation.messages", content.conversation().messages(), &errors);
      CheckBytes("content.conversation.messages", "experience",
                 MessageBytes(content.conversation().messages()), limits, &errors);
      break;
    case v1::ExperienceContent::KIND_NOT_SET:
      errors.Add("content", "is empty; give text or conversation");
      break;
  }
  CheckRequestId(request.request_id(), &errors);
  CheckLabels("labels", request.labels(), &errors);
  if (request.has_ttl() && (request.ttl().seconds() < 0 || request.ttl().nanos() < 0 ||
                            (request.ttl().seconds() == 0 && request.ttl().nanos() < 1000) ||
                            request.ttl().seconds() > kMaxTtlSeconds)) {
    errors.Add("ttl", absl::StrCat("must be more than a microsecond and at most ", kMaxTtlSeconds,
                                   " seconds"));
  }
  // A name is shorter than a request_id may be.
  if (request.supersedes().size() > kMaxRequestIdBytes) {
    errors.Add("supersedes", absl::StrCat("is ", request.supersedes().size(),
                                          " bytes; give a name or a request_id"));
  }
  CheckTargets(request, &errors);
  CheckCount("probes", request.probes_size(), kMaxProbes, &errors);
  int64_t bytes_beside = 0;
  for (const v1::TargetSentence& target : request.targets()) {
    bytes_beside += static_cast<int64_t>(target.ByteSizeLong());
  }
  for (int i = 0; i < request.probes_size(); ++i) {
    CheckNotBlank(absl::StrCat("probes[", i, "].question"), request.probes(i).question(), &errors);
    bytes_beside += static_cast<int64_t>(request.probes(i).ByteSizeLong());
  }
  CheckBytes("targets", "targets and probes together", bytes_beside, limits, &errors);
  return errors.ToStatus();
}

absl::Status ValidateForget(const v1::ForgetExperienceRequest& request) {
  FieldErrors errors;
  if (request.name().empty() && request.request_id().empty() && request.labels().empty()) {
    errors.Add("name", "is empty; give a name, a request_id or labels");
  }
  CheckRequestId(request.request_id(), &errors);
  CheckLabels("labels", request.labels(), &errors);
  if (!request.name().empty()) {
    errors.AddIfError("name", ParseResourceName(kExperiences, request.name()).status());
  }
  return errors.ToStatus();
}

absl::Status ValidateQuery(const v1::QueryRequest& request, const Limits& limits) {
  FieldErrors errors;
  CheckPrompt(request.messages(), &errors);
  CheckPromptBytes("messages", "prompt", MessageBytes(request.messages()), limits, &errors);
  CheckNotNegative("max_tokens", request.max_tokens(), &errors);
  CheckSampling(request, &errors);
  CheckCount("stop", request.stop_size(), kMaxStops, &errors);
  for (int i = 0; i < std::min(request.stop_size(), kMaxStops); ++i) {
    if (request.stop(i).empty() || request.stop(i).size() > kMaxStopBytes) {
      errors.Add(absl::StrCat("stop[", i, "]"),
                 absl::StrCat("is ", request.stop(i).size(), " bytes; give 1 to ", kMaxStopBytes));
    }
  }
  CheckVersion(request.version(), &errors);
  CheckPendingContext(request, limits, &errors);
  return errors.ToStatus();
}

absl::Status ValidateScore(const v1::ScoreRequest& request, const Limits& limits) {
  FieldErrors errors;
  CheckPromptBytes("messages", "prompt", MessageBytes(request.messages()), limits, &errors);
  CheckPromptBytes("context", "context", static_cast<int64_t>(request.context().size()), limits,
                   &errors);
  switch (request.target_case()) {
    case v1::ScoreRequest::kAnswer:
      CheckPrompt(request.messages(), &errors);
      CheckPromptBytes("answer", "answer", static_cast<int64_t>(request.answer().size()), limits,
                       &errors);
      break;
    case v1::ScoreRequest::kTokenIds:
      CheckPrompt(request.messages(), &errors);
      if (request.token_ids().ids().empty()) errors.Add("token_ids", "is empty");
      CheckTokenIds("token_ids", request.token_ids(), limits, &errors);
      break;
    case v1::ScoreRequest::kText:
      if (!request.messages().empty()) errors.Add("messages", "must be empty with text");
      if (!request.context().empty()) errors.Add("context", "must be empty with text");
      CheckNotBlank("text", request.text(), &errors);
      CheckPromptBytes("text", "text", static_cast<int64_t>(request.text().size()), limits,
                       &errors);
      break;
    case v1::ScoreRequest::TARGET_NOT_SET:
      errors.Add("target", "is empty; give answer, text or token_ids");
      break;
  }
  CheckVersion(request.version(), &errors);
  if (request.top_k() < 0 || request.top_k() > kMaxTopK) {
    errors.Add("top_k", absl::StrCat("is ", request.top_k(), "; give 0 (none) to ", kMaxTopK));
  }
  for (int i = 0; i < request.requested_ids_size(); ++i) {
    const std::string at = absl::StrCat("requested_ids[", i, "]");
    CheckCount(at, request.requested_ids(i).ids_size(), kMaxRequestedIds, &errors);
    CheckTokenIds(at, request.requested_ids(i), limits, &errors);
  }
  return errors.ToStatus();
}

absl::Status ValidateListExperiences(const v1::ListExperiencesRequest& request) {
  FieldErrors errors;
  if (!v1::ExperienceState_IsValid(request.state())) {
    errors.Add("state", absl::StrCat("is ", static_cast<int>(request.state()),
                                     ", which is no ExperienceState"));
  }
  CheckLabels("labels", request.labels(), &errors);
  return errors.ToStatus();
}

absl::Status ValidateCreateProbe(const v1::CreateProbeRequest& request, const Limits& limits) {
  FieldErrors errors;
  CheckNotBlank("question", request.question(), &errors);
  CheckBytes("question", "probe",
             static_cast<int64_t>(request.question().size() + request.expected_answer().size()),
             limits, &errors);
  return errors.ToStatus();
}

absl::StatusOr<int64_t> ParseNameField(absl::string_view field, absl::string_view collection,
                                       const std::string& name) {
  absl::StatusOr<int64_t> number = ParseResourceName(ToStd(collection), name);
  if (!number.ok()) return FieldError(field, number.status().message());
  return number;
}

}  // namespace imprint::rpc
