// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Between the API's messages and the rooms' own types. No checks: see validate.h.

#ifndef IMPRINT_SERVER_RPC_CONVERT_H_
#define IMPRINT_SERVER_RPC_CONVERT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "google/protobuf/repeated_ptr_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "imprint/v1/admin_service.pb.h"
#include "imprint/v1/experience.pb.h"
#include "imprint/v1/imprint_service.pb.h"
#include "server/probe/prober.h"
#include "server/store/records.pb.h"
#include "server/text/chat_template.h"
#include "server/update/updater.h"

namespace imprint::rpc {

google::protobuf::Timestamp ToTimestamp(int64_t unix_micros);

// The record that the log appends; its digest covers all but the request_id.
store::ExperienceRecord ToRecord(const v1::InjectContextRequest& request);
std::vector<text::ChatMessage> ToChatMessages(
    const google::protobuf::RepeatedPtrField<v1::ChatMessage>& messages);

// What the experience says, as the text that goes into a prompt.
std::string ExperienceText(const store::ExperienceRecord& record);

enum class Content { kWith, kWithout };
// `training`: it is in the running job.
v1::Experience ToProto(const store::ExperienceRecord& record, bool training, Content content);
// nullopt for UNSPECIFIED. TRAINING is stored as READY.
std::optional<store::StoredState> ToStoredState(v1::ExperienceState state);

v1::StoredTarget ToProto(const store::TargetRecord& record);
v1::Probe ToProto(const store::ProbeRecord& record);
v1::ProbeResult ToProto(const probe::ProbeScore& score, int64_t version);

// Experiences that a job names in a list and in an event; its counts are of all.
inline constexpr int kNamesInLists = 100;
// Where it is alone: some 4 MiB with the efficacy of each, which is what clients receive by
// default.
inline constexpr int kNamesInOne = 50'000;
// `running`: what the updater says of the job that runs now, if any. Names the first `max_names`
// of its experiences.
v1::Job ToProto(const store::JobRecord& record,
                const std::optional<update::Updater::Running>& running,
                int max_names = kNamesInLists);

v1::RebuildCost ToProto(const update::RebuildCost& cost);

struct VersionState {
  bool current = false;
  bool live = false;
};
v1::Version ToProto(const store::VersionRecord& record, VersionState state);
// Version 0, which has no record.
v1::Version BaseVersion(VersionState state);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_CONVERT_H_
