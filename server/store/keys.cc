// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/keys.h"

#include "absl/strings/str_cat.h"
#include "common/string_view.h"

namespace imprint::store {
namespace {

constexpr char kNamespacePrefix[] = "default/";
constexpr size_t kNumberBytes = 8;

std::string Key(std::string_view part) { return absl::StrCat(kNamespacePrefix, ToAbsl(part)); }

}  // namespace

const char* FamilyName(Family family) {
  switch (family) {
    case Family::kMeta:
      return "default";
    case Family::kExperiences:
      return "experiences";
    case Family::kContents:
      return "contents";
    case Family::kStates:
      return "states";
    case Family::kRequests:
      return "requests";
    case Family::kTargets:
      return "targets";
    case Family::kProbes:
      return "probes";
    case Family::kExperienceProbes:
      return "experience_probes";
    case Family::kJobs:
      return "jobs";
    case Family::kVersions:
      return "versions";
    case Family::kExpiries:
      return "expiries";
    case Family::kPurges:
      return "purges";
  }
  return "";
}

std::string MetaKey() { return Key("meta"); }
std::string CountersKey() { return Key("counters"); }
std::string CurrentVersionKey() { return Key("current_version"); }
std::string SettingKey(std::string_view name) {
  return absl::StrCat(kNamespacePrefix, "setting/", ToAbsl(name));
}

std::string NumberKey(int64_t number) { return Key(EncodeNumber(number)); }

std::string StatePrefix(StoredState state) { return Key(std::string(1, static_cast<char>(state))); }

std::string StateKey(StoredState state, int64_t sequence) {
  return StatePrefix(state) + EncodeNumber(sequence);
}

std::string RequestKey(std::string_view request_id) { return Key(request_id); }

std::string TargetPrefix(int64_t sequence) { return NumberKey(sequence); }

std::string TargetKey(int64_t sequence, int64_t index) {
  return TargetPrefix(sequence) + EncodeNumber(index);
}

std::string ExperienceProbePrefix(int64_t sequence) { return NumberKey(sequence); }

std::string ExperienceProbeKey(int64_t sequence, int64_t probe) {
  return ExperienceProbePrefix(sequence) + EncodeNumber(probe);
}

std::string ExpiryKey(int64_t expire_time_micros, int64_t sequence) {
  return NumberKey(expire_time_micros) + EncodeNumber(sequence);
}

std::optional<Expiry> ParseExpiryKey(std::string_view key) {
  const std::string prefix = NamespacePrefix();
  if (key.size() != prefix.size() + 2 * kNumberBytes || key.substr(0, prefix.size()) != prefix) {
    return std::nullopt;
  }
  const std::optional<int64_t> time = DecodeNumber(key.substr(prefix.size(), kNumberBytes));
  const std::optional<int64_t> sequence = DecodeNumber(key.substr(prefix.size() + kNumberBytes));
  if (!time.has_value() || !sequence.has_value()) return std::nullopt;
  return Expiry{.time_micros = *time, .sequence = *sequence};
}

std::string PurgedExperiencePrefix() { return Key("experience/"); }
std::string PurgedProbePrefix() { return Key("probe/"); }
std::string PurgedExperienceKey(int64_t sequence) {
  return PurgedExperiencePrefix() + EncodeNumber(sequence);
}
std::string PurgedProbeKey(int64_t probe) { return PurgedProbePrefix() + EncodeNumber(probe); }

std::string NamespacePrefix() { return kNamespacePrefix; }

std::string EndOfPrefix(std::string_view prefix) {
  std::string end(prefix);
  // A prefix begins with the namespace, so it does not consist of 0xff alone.
  while (static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

std::optional<int64_t> NumberAfter(std::string_view prefix, std::string_view key) {
  if (key.substr(0, prefix.size()) != prefix) return std::nullopt;
  return DecodeNumber(key.substr(prefix.size()));
}

std::string EncodeNumber(int64_t number) {
  std::string bytes(kNumberBytes, '\0');
  for (size_t i = 0; i < kNumberBytes; ++i) {
    bytes[i] = static_cast<char>(static_cast<uint64_t>(number) >> (8 * (kNumberBytes - 1 - i)));
  }
  return bytes;
}

std::optional<int64_t> DecodeNumber(std::string_view bytes) {
  if (bytes.size() != kNumberBytes) return std::nullopt;
  uint64_t number = 0;
  for (char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  if (number >> 63 != 0) return std::nullopt;
  return static_cast<int64_t>(number);
}

}  // namespace imprint::store
