// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/audit.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log_fields.h"
#include "google/protobuf/descriptor.h"
#include "server/rpc/errors.h"
#include "server/rpc/validate.h"

namespace imprint::rpc {
namespace {

using google::protobuf::FieldDescriptor;

constexpr char kSupersedes[] = "supersedes";

// Fields that hold the name of a thing; the first needs no word before it.
constexpr const char* kNames[] = {"name", "anchor", "experience", "request_id", kSupersedes};

// Of all of them together: a caller makes no long lines, whoever it is.
constexpr size_t kMaxTargetBytes = 500;

// Callers choose them: no line break gets into the log, and no novel.
std::string Safe(absl::string_view text) {
  return absl::Utf8SafeCEscape(Shortened(text, kMaxFieldBytes));
}

// Empty where the message has no such field, or it holds no single text.
std::string TextField(const google::protobuf::Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->is_repeated() ||
      field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return "";
  }
  return message.GetReflection()->GetString(message, field);
}

std::string LabelKeys(const google::protobuf::Message& request, const FieldDescriptor& labels) {
  std::vector<std::string> keys;
  const google::protobuf::Reflection& reflection = *request.GetReflection();
  const int count = reflection.FieldSize(request, &labels);
  // It will be refused.
  if (count > kMaxLabels) return absl::StrCat("(", count, " keys)");
  for (int i = 0; i < count; ++i) {
    const auto& entry = reflection.GetRepeatedMessage(request, &labels, i);
    keys.push_back(Safe(entry.GetReflection()->GetString(entry, entry.GetDescriptor()->map_key())));
  }
  std::sort(keys.begin(), keys.end());
  return absl::StrJoin(keys, ",");
}

}  // namespace

bool Supersedes(const google::protobuf::Message& request) {
  return !TextField(request, kSupersedes).empty();
}

std::string TargetOf(const google::protobuf::Message& request) {
  std::vector<std::string> parts;
  for (const char* name : kNames) {
    const std::string value = TextField(request, name);
    if (value.empty()) continue;
    parts.push_back(name == kNames[0] ? Safe(value) : absl::StrCat(name, "=", Safe(value)));
  }
  const FieldDescriptor* labels = request.GetDescriptor()->FindFieldByName("labels");
  if (labels != nullptr && labels->is_map()) {
    if (std::string keys = LabelKeys(request, *labels); !keys.empty()) {
      parts.push_back(absl::StrCat("labels=", keys));
    }
  }
  std::string target = absl::StrJoin(parts, " ");
  if (target.size() <= kMaxTargetBytes) return target;
  return absl::StrCat(Shortened(target, kMaxTargetBytes), "...");
}

void Audit(const std::string& caller, const std::string& peer, const std::string& method,
           const std::string& target, const std::string& code, const std::string& request_id) {
  LogWithFields(spdlog::level::info, "admin act",
                {{"caller", caller},
                 {"peer", peer},
                 {"method", method},
                 {"target", target},
                 {"code", code},
                 {"request_id", request_id}});
}

}  // namespace imprint::rpc
