// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Requests as they come from the network: the first byte says which, the rest are its bytes. What
// is refused is refused in a form that reaches the caller whole; what is taken is within its
// limits, and becomes a record that says the same.

#include <cmath>

#include "absl/strings/ascii.h"
#include "common/resource_name.h"
#include "common/utf8.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/rpc/convert.h"
#include "server/rpc/errors.h"
#include "server/rpc/page_token.h"
#include "server/rpc/request_origin.h"
#include "server/rpc/validate.h"
#include "tests/fuzz/fuzz.h"

namespace imprint::fuzz {
namespace {

using google::protobuf::util::MessageDifferencer;

// Small, so that inputs of any size meet them.
constexpr rpc::Limits kLimits = {
    .max_inject_bytes = 600, .max_pending_tokens = 50, .vocab_size = 100, .window = 20};
// What clients take in trailing metadata.
constexpr size_t kMaxMetadataBytes = 8192;

void CheckRefusal(const absl::Status& status) {
  FUZZ_CHECK(absl::IsInvalidArgument(status));
  const grpc::Status sent = rpc::ToGrpcStatus(status);
  FUZZ_CHECK(!sent.error_message().empty() && IsValidUtf8(sent.error_message()));
  FUZZ_CHECK(sent.error_message().size() + sent.error_details().size() < kMaxMetadataBytes);
  google::rpc::Status details;
  FUZZ_CHECK(details.ParseFromString(sent.error_details()));
  google::rpc::BadRequest bad_request;
  bool found = false;
  for (const auto& detail : details.details()) found |= detail.UnpackTo(&bad_request);
  FUZZ_CHECK(found && bad_request.field_violations_size() > 0);
  for (const auto& violation : bad_request.field_violations()) {
    FUZZ_CHECK(!violation.field().empty() && !violation.description().empty());
  }
}

// The request, if it is one and good.
template <typename Request, typename Validate>
std::optional<Request> Receive(std::string_view bytes, Validate validate) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  if (const absl::Status status = validate(request); !status.ok()) {
    CheckRefusal(status);
    return std::nullopt;
  }
  request.DiscardUnknownFields();
  return request;
}

template <typename Labels>
void CheckLabels(const Labels& labels) {
  FUZZ_CHECK(labels.size() <= rpc::kMaxLabels);
  for (const auto& [key, value] : labels) {
    FUZZ_CHECK(!key.empty() && key.size() <= rpc::kMaxLabelKeyBytes);
    FUZZ_CHECK(key.find_first_of(std::string_view("\0 \n\"=,", 6)) == std::string::npos);
    FUZZ_CHECK(value.size() <= rpc::kMaxLabelValueBytes);
  }
}

template <typename Messages>
void CheckMessages(const Messages& messages) {
  FUZZ_CHECK(!messages.empty() && messages.size() <= rpc::kMaxMessages);
  const std::vector<text::ChatMessage> chat = rpc::ToChatMessages(messages);
  FUZZ_CHECK(chat.size() == static_cast<size_t>(messages.size()));
  for (size_t i = 0; i < chat.size(); ++i) {
    FUZZ_CHECK(chat[i].role == "user" || chat[i].role == "assistant" ||
               (chat[i].role == "system" && i == 0));
    FUZZ_CHECK(!absl::StripAsciiWhitespace(chat[i].content).empty());
  }
}

void CheckInject(const v1::InjectContextRequest& request) {
  CheckLabels(request.labels());
  FUZZ_CHECK(request.request_id().size() <= rpc::kMaxRequestIdBytes);
  if (request.content().has_conversation()) {
    CheckMessages(request.content().conversation().messages());
  }
  const store::ExperienceRecord record = rpc::ToRecord(request);
  FUZZ_CHECK(!rpc::ExperienceText(record).empty());
  FUZZ_CHECK(request.has_ttl() == (record.ttl_micros() > 0));
  FUZZ_CHECK(record.caller_targets_size() == request.targets_size());
  FUZZ_CHECK(record.caller_probes_size() == request.probes_size());
  const v1::Experience shown = rpc::ToProto(record, /*training=*/false, rpc::Content::kWith);
  FUZZ_CHECK(MessageDifferencer::Equals(shown.content(), request.content()));

  // Sent again under another request_id it has the same digest, and another one where it says
  // something else.
  v1::InjectContextRequest again;
  FUZZ_CHECK(again.ParseFromString(request.SerializeAsString()));
  again.set_request_id("another");
  FUZZ_CHECK(rpc::ToRecord(again).body_digest() == record.body_digest());
  again.add_probes()->set_question("?");
  FUZZ_CHECK(rpc::ToRecord(again).body_digest() != record.body_digest());
}

void CheckQuery(const v1::QueryRequest& request) {
  CheckMessages(request.messages());
  FUZZ_CHECK(request.messages().rbegin()->role() != "assistant");
  FUZZ_CHECK(std::isfinite(request.temperature()) && request.temperature() >= 0);
  FUZZ_CHECK(request.top_p() >= 0 && request.top_p() <= 1);
  FUZZ_CHECK(request.top_k() >= 0 && request.max_tokens() >= 0);
  FUZZ_CHECK(request.stop_size() <= rpc::kMaxStops);
  for (const std::string& stop : request.stop()) FUZZ_CHECK(!stop.empty());
  FUZZ_CHECK(!request.version().has_number() || request.version().number() >= 0);
  FUZZ_CHECK(request.pending_context().max_tokens() >= 0);
  FUZZ_CHECK(request.pending_context().max_tokens() <= kLimits.max_pending_tokens);
  CheckLabels(request.pending_context().labels());
}

void CheckIds(const v1::TokenIds& ids) {
  for (const int32_t id : ids.ids()) FUZZ_CHECK(id >= 0 && id < kLimits.vocab_size);
}

void CheckScore(const v1::ScoreRequest& request) {
  FUZZ_CHECK(request.target_case() != v1::ScoreRequest::TARGET_NOT_SET);
  if (request.has_text()) {
    FUZZ_CHECK(request.messages().empty() && request.context().empty());
  } else {
    CheckMessages(request.messages());
  }
  if (request.has_token_ids()) FUZZ_CHECK(!request.token_ids().ids().empty());
  CheckIds(request.token_ids());
  FUZZ_CHECK(request.top_k() >= 0 && request.top_k() <= rpc::kMaxTopK);
  for (const v1::TokenIds& ids : request.requested_ids()) CheckIds(ids);
}

// Names, page tokens and the headers that a request carries.
void CheckText(const std::string& text) {
  for (const std::string_view collection : {kExperiences, kJobs, kVersions, kProbes}) {
    const absl::StatusOr<int64_t> number = ParseResourceName(collection, text);
    if (number.ok()) {
      FUZZ_CHECK(FormatResourceName(collection, *number) == text);
    } else {
      CheckRefusal(rpc::FieldError("name", number.status().message()));
    }
  }
  const absl::StatusOr<rpc::Page> page = rpc::ParsePage("jobs", 0, text);
  if (!page.ok()) {
    CheckRefusal(page.status());
  } else if (page->position.has_value()) {
    const std::string token = rpc::MakePageToken("jobs", *page->position);
    FUZZ_CHECK(rpc::ParsePage("jobs", 0, token)->position == page->position);
    FUZZ_CHECK(!rpc::ParsePage("probes", 0, token).ok());
  }
  const std::string id = rpc::RequestId(text);
  FUZZ_CHECK(!id.empty() && id.size() <= 128 && rpc::RequestId(id) == id);
  const std::string trace_id = rpc::TraceId(text);
  FUZZ_CHECK(trace_id.empty() || (trace_id.size() == 32 && text.substr(3, 32) == trace_id));
}

}  // namespace
}  // namespace imprint::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace fuzz = imprint::fuzz;
  namespace rpc = imprint::rpc;
  namespace v1 = imprint::v1;
  fuzz::Input input(data, size);
  const auto kind = input.Take<char>();
  const std::string_view bytes = input.rest();
  if (kind == 'i') {
    const auto request = fuzz::Receive<v1::InjectContextRequest>(
        bytes, [](const auto& it) { return rpc::ValidateInject(it, fuzz::kLimits); });
    if (request.has_value()) fuzz::CheckInject(*request);
  } else if (kind == 'q') {
    const auto request = fuzz::Receive<v1::QueryRequest>(
        bytes, [](const auto& it) { return rpc::ValidateQuery(it, fuzz::kLimits); });
    if (request.has_value()) fuzz::CheckQuery(*request);
  } else if (kind == 's') {
    const auto request = fuzz::Receive<v1::ScoreRequest>(
        bytes, [](const auto& it) { return rpc::ValidateScore(it, fuzz::kLimits); });
    if (request.has_value()) fuzz::CheckScore(*request);
  } else if (kind == 'f') {
    const auto request = fuzz::Receive<v1::ForgetExperienceRequest>(bytes, rpc::ValidateForget);
    if (request.has_value()) fuzz::CheckLabels(request->labels());
  } else if (kind == 'l') {
    const auto request =
        fuzz::Receive<v1::ListExperiencesRequest>(bytes, rpc::ValidateListExperiences);
    if (request.has_value()) {
      fuzz::CheckLabels(request->labels());
      FUZZ_CHECK(rpc::ToStoredState(request->state()).has_value() ==
                 (request->state() != v1::EXPERIENCE_STATE_UNSPECIFIED));
    }
  } else if (kind == 'p') {
    fuzz::Receive<v1::CreateProbeRequest>(
        bytes, [](const auto& it) { return rpc::ValidateCreateProbe(it, fuzz::kLimits); });
  } else {
    fuzz::CheckText(std::string(bytes));
  }
  return 0;
}
