// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The column families and keys of the store: the one place that knows them. README.md
// beside this file describes them in prose.
//
// A key is "default/" (the namespace) and then one part or several. Numbers are written in
// 8 bytes, most significant first, so that RocksDB's byte order is the order of numbers.

#ifndef IMPRINT_SERVER_STORE_KEYS_H_
#define IMPRINT_SERVER_STORE_KEYS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/records.pb.h"

namespace imprint::store {

enum class Family : int {
  kMeta,  // RocksDB's obligatory family, "default"
  kExperiences,
  kContents,
  kStates,
  kRequests,
  kTargets,
  kProbes,
  kExperienceProbes,
  kJobs,
  kVersions,
  kExpiries,
  kPurges,
};
inline constexpr int kFamilyCount = 12;

// The family's name in RocksDB.
const char* FamilyName(Family family);

// In kMeta.
std::string MetaKey();
std::string CountersKey();
std::string CurrentVersionKey();
std::string SettingKey(std::string_view name);

// In kExperiences, kContents, kProbes, kJobs and kVersions: one number. Not negative.
std::string NumberKey(int64_t number);

// In kStates; the keys of one state begin with its prefix.
std::string StatePrefix(StoredState state);
std::string StateKey(StoredState state, int64_t sequence);

// In kRequests.
std::string RequestKey(std::string_view request_id);

// In kTargets.
std::string TargetPrefix(int64_t sequence);
std::string TargetKey(int64_t sequence, int64_t index);

// In kExperienceProbes; sequence 0: retention probes.
std::string ExperienceProbePrefix(int64_t sequence);
std::string ExperienceProbeKey(int64_t sequence, int64_t probe);

// In kExpiries, in the order of time.
std::string ExpiryKey(int64_t expire_time_micros, int64_t sequence);
struct Expiry {
  int64_t time_micros = 0;
  int64_t sequence = 0;
};
std::optional<Expiry> ParseExpiryKey(std::string_view key);

// In kPurges: what was deleted, and is to leave the files too.
std::string PurgedExperienceKey(int64_t sequence);
std::string PurgedProbeKey(int64_t probe);
std::string PurgedExperiencePrefix();
std::string PurgedProbePrefix();

// What every key begins with.
std::string NamespacePrefix();
// The first key after all that begin with `prefix`.
std::string EndOfPrefix(std::string_view prefix);

// The number that follows `prefix` in `key` and ends it; nullopt: the key is not so made.
std::optional<int64_t> NumberAfter(std::string_view prefix, std::string_view key);

// Numbers as values.
std::string EncodeNumber(int64_t number);
std::optional<int64_t> DecodeNumber(std::string_view bytes);

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_KEYS_H_
