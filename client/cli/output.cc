// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/cli/text_width.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace imprint::client {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using nlohmann::ordered_json;

constexpr int kBarWidth = 16;

// Columns of the terminal; 0: `file` is none.
size_t TerminalWidth(int file) {
  constexpr size_t kUsual = 80;
  if (isatty(file) != 1) return 0;
  winsize size = {};
  if (ioctl(file, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsual;
  return size.ws_col;
}

ordered_json MessageToJson(const Message& message) {
  if (message.GetDescriptor() == google::protobuf::Timestamp::descriptor()) {
    const auto& time = static_cast<const google::protobuf::Timestamp&>(message);
    return absl::FormatTime(absl::RFC3339_sec, absl::FromUnixSeconds(time.seconds()),
                            absl::UTCTimeZone());
  }
  if (message.GetDescriptor() == google::protobuf::Duration::descriptor()) {
    const auto& duration = static_cast<const google::protobuf::Duration&>(message);
    return static_cast<double>(duration.seconds()) + duration.nanos() * 1e-9;
  }
  return ToJson(message);
}

ordered_json SingularToJson(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.GetFloat(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumName(*field.enum_type(), reflection.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageToJson(reflection.GetMessage(message, &field));
  }
  return nullptr;
}

ordered_json RepeatedToJson(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  ordered_json array = ordered_json::array();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        array.push_back(reflection.GetRepeatedInt32(message, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        array.push_back(reflection.GetRepeatedInt64(message, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        array.push_back(reflection.GetRepeatedDouble(message, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        array.push_back(reflection.GetRepeatedString(message, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        array.push_back(MessageToJson(reflection.GetRepeatedMessage(message, &field, i)));
        break;
      default:
        break;  // no other type is repeated in the API
    }
  }
  return array;
}

// Map entries are messages of a key (always a string in the API) and a value.
ordered_json MapToJson(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  ordered_json object = ordered_json::object();
  const FieldDescriptor& key = *field.message_type()->FindFieldByName("key");
  const FieldDescriptor& value = *field.message_type()->FindFieldByName("value");
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    object[entry.GetReflection()->GetString(entry, &key)] = SingularToJson(entry, value);
  }
  return object;
}

// "unspecified" says nothing.
bool IsSaid(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (field.has_presence()) return reflection.HasField(message, &field);
  return field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM ||
         reflection.GetEnumValue(message, &field) != 0;
}

}  // namespace

std::string EnumName(const EnumDescriptor& type, int number) {
  const auto* value = type.FindValueByNumber(number);
  if (value == nullptr) return absl::StrCat(number);
  // The prefix is what all values share up to "UNSPECIFIED", the first one.
  absl::string_view prefix = type.value(0)->name();
  prefix = absl::StripSuffix(prefix, "UNSPECIFIED");
  return absl::AsciiStrToLower(absl::StripPrefix(value->name(), prefix));
}

ordered_json ToJson(const Message& message) {
  ordered_json object = ordered_json::object();
  const auto& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (field.is_map()) {
      object[field.name()] = MapToJson(message, field);
    } else if (field.is_repeated()) {
      object[field.name()] = RepeatedToJson(message, field);
    } else if (IsSaid(message, field)) {
      object[field.name()] = SingularToJson(message, field);
    }
  }
  return object;
}

size_t OutputWidth() { return TerminalWidth(STDOUT_FILENO); }

std::string ForTerminal(absl::string_view text) {
  return isatty(STDOUT_FILENO) == 1 ? Printable(text) : std::string(text);
}

std::string FormatOptional(bool present, double value, int digits) {
  if (!present) return "-";
  std::string text = absl::StrFormat("%.*f", digits, value);
  // What rounds to 0 has no sign.
  const bool zero = text.find_first_not_of("-0.") == std::string::npos;
  return zero && text.front() == '-' ? text.substr(1) : text;
}

std::string FormatTime(int64_t seconds) {
  if (seconds == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(seconds),
                          absl::LocalTimeZone());
}

std::string FormatBytes(int64_t bytes) {
  constexpr double kKilo = 1000;
  const auto size = static_cast<double>(bytes);
  if (size < kKilo * kKilo) return absl::StrFormat("%.1f kB", size / kKilo);
  if (size < kKilo * kKilo * kKilo) return absl::StrFormat("%.1f MB", size / kKilo / kKilo);
  return absl::StrFormat("%.1f GB", size / kKilo / kKilo / kKilo);
}

std::string FormatCount(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

ProgressBar::ProgressBar(bool enabled) : enabled_(enabled && isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Show(double fraction, absl::string_view text) {
  if (!enabled_) return;
  const double done = std::clamp(fraction, 0.0, 1.0);
  const int filled = static_cast<int>(done * kBarWidth);
  std::string line =
      absl::StrFormat("[%s%s] %3.0f %%  %s", std::string(filled, '='),
                      std::string(kBarWidth - filled, ' '), done * 100, std::string(text));
  // A line that wraps could not be overwritten.
  if (const size_t columns = TerminalWidth(STDERR_FILENO); columns > 0) {
    line = Shorten(line, columns - 1);
  }
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void ProgressBar::Clear() {
  if (!shown_) return;
  std::fprintf(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace imprint::client
