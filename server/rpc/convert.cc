// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/convert.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/time/time.h"
#include "common/resource_name.h"
#include "common/sha256.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/time_util.h"
#include "server/store/store.h"
#include "server/text/prompt.h"

namespace imprint::rpc {
namespace {

using google::protobuf::util::TimeUtil;

// The same message gives the same bytes: maps are written in order.
std::string DeterministicBytes(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

v1::ExperienceState ToProto(store::StoredState state, bool training) {
  switch (state) {
    case store::STORED_STATE_QUEUED:
      return v1::EXPERIENCE_STATE_QUEUED;
    case store::STORED_STATE_READY:
      return training ? v1::EXPERIENCE_STATE_TRAINING : v1::EXPERIENCE_STATE_READY;
    case store::STORED_STATE_INTEGRATED:
      return v1::EXPERIENCE_STATE_INTEGRATED;
    case store::STORED_STATE_HELD:
      return v1::EXPERIENCE_STATE_HELD;
    case store::STORED_STATE_QUARANTINED:
      return v1::EXPERIENCE_STATE_QUARANTINED;
    case store::STORED_STATE_FORGOTTEN:
      return v1::EXPERIENCE_STATE_FORGOTTEN;
    default:
      return v1::EXPERIENCE_STATE_UNSPECIFIED;
  }
}

v1::JobState ToProto(store::StoredJobState state) {
  switch (state) {
    case store::STORED_JOB_STATE_PLANNED:
      return v1::JOB_STATE_PLANNED;
    case store::STORED_JOB_STATE_TRAINING:
      return v1::JOB_STATE_TRAINING;
    case store::STORED_JOB_STATE_GATING:
      return v1::JOB_STATE_GATING;
    case store::STORED_JOB_STATE_PUBLISHING:
      return v1::JOB_STATE_PUBLISHING;
    case store::STORED_JOB_STATE_COMMITTED:
      return v1::JOB_STATE_COMMITTED;
    case store::STORED_JOB_STATE_REJECTED:
      return v1::JOB_STATE_REJECTED;
    case store::STORED_JOB_STATE_FAILED:
      return v1::JOB_STATE_FAILED;
    case store::STORED_JOB_STATE_CANCELLED:
      return v1::JOB_STATE_CANCELLED;
    case store::STORED_JOB_STATE_AWAITING_APPROVAL:
      return v1::JOB_STATE_AWAITING_APPROVAL;
    default:
      return v1::JOB_STATE_UNSPECIFIED;
  }
}

v1::JobKind ToProto(store::StoredJobKind kind) {
  return kind == store::STORED_JOB_KIND_REBUILD ? v1::JOB_KIND_REBUILD : v1::JOB_KIND_UPDATE;
}

v1::JobTrigger ToProto(store::StoredTrigger trigger) {
  switch (trigger) {
    case store::STORED_TRIGGER_COMMAND:
      return v1::JOB_TRIGGER_COMMAND;
    case store::STORED_TRIGGER_FORGET:
      return v1::JOB_TRIGGER_FORGET;
    case store::STORED_TRIGGER_SUPERSEDE:
      return v1::JOB_TRIGGER_SUPERSEDE;
    case store::STORED_TRIGGER_RETENTION:
      return v1::JOB_TRIGGER_RETENTION;
    default:
      return v1::JOB_TRIGGER_UNSPECIFIED;
  }
}

v1::JobProgress ToProto(const update::DistillProgress& progress) {
  v1::JobProgress proto;
  proto.set_step(progress.step);
  proto.set_total_steps(progress.total_steps);
  proto.set_loss(progress.loss);
  proto.set_retention_loss(progress.retention_loss);
  if (progress.seconds > 0 && progress.step > 0) {
    proto.set_tokens_per_second(
        static_cast<int64_t>(static_cast<double>(progress.tokens) / progress.seconds));
    const double steps_left = std::max(0, progress.total_steps - progress.step);
    *proto.mutable_time_left() = TimeUtil::MillisecondsToDuration(
        static_cast<int64_t>(1000 * steps_left * progress.seconds / progress.step));
  }
  return proto;
}

// What a job trains: new experiences first, then those that it trains again; the first
// `max_names` of them.
std::vector<int64_t> TrainedBy(const store::JobRecord& job, int max_names) {
  std::vector<int64_t> sequences(job.sequences().begin(), job.sequences().end());
  sequences.insert(sequences.end(), job.rebuilt().begin(), job.rebuilt().end());
  sequences.resize(std::min(sequences.size(), static_cast<size_t>(max_names)));
  return sequences;
}

v1::JobReport ToProto(const store::JobReportRecord& record, const std::vector<int64_t>& trained) {
  v1::JobReport proto;
  if (record.has_efficacy()) proto.set_efficacy(record.efficacy());
  proto.set_unmeasurable_experiences(record.unmeasurable());
  if (record.has_earlier_efficacy()) proto.set_earlier_efficacy(record.earlier_efficacy());
  proto.set_retention_kl(record.retention_kl());
  proto.set_retention_perplexity_ratio(record.retention_perplexity_ratio());
  proto.set_steps(record.steps());
  proto.set_trained_tokens(record.trained_tokens());
  *proto.mutable_phase_seconds() = record.phase_seconds();
  for (const int64_t sequence : trained) {
    v1::ExperienceEfficacy& added = *proto.add_experience_efficacies();
    added.set_experience(FormatResourceName(kExperiences, sequence));
    auto measured = record.experience_efficacies().find(sequence);
    if (measured != record.experience_efficacies().end()) added.set_efficacy(measured->second);
  }
  if (record.has_retention_probe_kl()) proto.set_retention_probe_kl(record.retention_probe_kl());
  // protobuf's maps have no order.
  const std::map<int64_t, double> earlier(record.earlier_efficacies().begin(),
                                          record.earlier_efficacies().end());
  for (const auto& [sequence, efficacy] : earlier) {
    v1::ExperienceEfficacy& added = *proto.add_earlier_experience_efficacies();
    added.set_experience(FormatResourceName(kExperiences, sequence));
    added.set_efficacy(efficacy);
  }
  if (record.has_forgotten_efficacy()) proto.set_forgotten_efficacy(record.forgotten_efficacy());
  return proto;
}

void SetContent(const store::ExperienceRecord& record, v1::ExperienceContent* content) {
  if (record.messages_size() == 0) {
    content->set_text(record.text());
    return;
  }
  for (const store::MessageRecord& message : record.messages()) {
    v1::ChatMessage& added = *content->mutable_conversation()->add_messages();
    added.set_role(message.role());
    added.set_content(message.content());
  }
}

}  // namespace

google::protobuf::Timestamp ToTimestamp(int64_t unix_micros) {
  // protobuf throws at times beyond the years 1 to 9999.
  constexpr int64_t kFirst = TimeUtil::kTimestampMinSeconds * 1'000'000;
  constexpr int64_t kLast = TimeUtil::kTimestampMaxSeconds * 1'000'000;
  return TimeUtil::MicrosecondsToTimestamp(std::clamp(unix_micros, kFirst, kLast));
}

store::ExperienceRecord ToRecord(const v1::InjectContextRequest& request) {
  store::ExperienceRecord record;
  if (request.content().has_text()) {
    record.set_text(request.content().text());
  } else {
    for (const v1::ChatMessage& message : request.content().conversation().messages()) {
      store::MessageRecord& added = *record.add_messages();
      added.set_role(message.role());
      added.set_content(message.content());
    }
  }
  *record.mutable_labels() = request.labels();
  record.set_request_id(request.request_id());
  for (const v1::TargetSentence& target : request.targets()) {
    store::CallerSentence& added = *record.add_caller_targets();
    if (target.has_text()) {
      added.set_answer(target.text());
    } else {
      added.set_question(target.question_answer().question());
      added.set_answer(target.question_answer().answer());
    }
  }
  for (const v1::InjectProbe& probe : request.probes()) {
    store::CallerSentence& added = *record.add_caller_probes();
    added.set_question(probe.question());
    added.set_answer(probe.expected_answer());
  }
  if (request.has_ttl()) record.set_ttl_micros(TimeUtil::DurationToMicroseconds(request.ttl()));
  v1::InjectContextRequest body = request;
  body.clear_request_id();
  Sha256 digest;
  digest.Update(DeterministicBytes(body));
  record.set_body_digest(digest.Digest());
  return record;
}

std::vector<text::ChatMessage> ToChatMessages(
    const google::protobuf::RepeatedPtrField<v1::ChatMessage>& messages) {
  std::vector<text::ChatMessage> converted;
  converted.reserve(static_cast<size_t>(messages.size()));
  for (const v1::ChatMessage& message : messages) {
    converted.push_back({message.role(), message.content()});
  }
  return converted;
}

std::string ExperienceText(const store::ExperienceRecord& record) {
  if (record.messages_size() == 0) return record.text();
  std::vector<text::ChatMessage> messages;
  messages.reserve(static_cast<size_t>(record.messages_size()));
  for (const store::MessageRecord& message : record.messages()) {
    messages.push_back({message.role(), message.content()});
  }
  return text::Transcript(messages);
}

v1::Experience ToProto(const store::ExperienceRecord& record, bool training, Content content) {
  v1::Experience proto;
  proto.set_name(FormatResourceName(kExperiences, record.sequence()));
  proto.set_sequence(record.sequence());
  proto.set_state(ToProto(record.state(), training));
  proto.set_state_reason(record.state_reason());
  // Nothing is left of what a forgotten one said.
  const bool has_content = record.state() != store::STORED_STATE_FORGOTTEN;
  if (content == Content::kWith && has_content) SetContent(record, proto.mutable_content());
  *proto.mutable_labels() = record.labels();
  proto.set_request_id(record.request_id());
  *proto.mutable_create_time() = ToTimestamp(record.create_time_micros());
  *proto.mutable_update_time() = ToTimestamp(record.update_time_micros());
  proto.set_version(record.version());
  proto.set_target_count(record.target_count());
  proto.set_probe_count(record.probe_count());
  if (record.has_efficacy()) proto.set_efficacy(record.efficacy());
  if (const int64_t expires = store::ExpireTimeMicros(record); expires > 0) {
    *proto.mutable_expire_time() = ToTimestamp(expires);
  }
  if (record.supersedes() != 0) {
    proto.set_supersedes(FormatResourceName(kExperiences, record.supersedes()));
  }
  return proto;
}

std::optional<store::StoredState> ToStoredState(v1::ExperienceState state) {
  switch (state) {
    case v1::EXPERIENCE_STATE_QUEUED:
      return store::STORED_STATE_QUEUED;
    case v1::EXPERIENCE_STATE_READY:
    case v1::EXPERIENCE_STATE_TRAINING:
      return store::STORED_STATE_READY;
    case v1::EXPERIENCE_STATE_INTEGRATED:
      return store::STORED_STATE_INTEGRATED;
    case v1::EXPERIENCE_STATE_HELD:
      return store::STORED_STATE_HELD;
    case v1::EXPERIENCE_STATE_QUARANTINED:
      return store::STORED_STATE_QUARANTINED;
    case v1::EXPERIENCE_STATE_FORGOTTEN:
      return store::STORED_STATE_FORGOTTEN;
    default:
      return std::nullopt;
  }
}

v1::StoredTarget ToProto(const store::TargetRecord& record) {
  v1::StoredTarget proto;
  proto.set_kind(record.kind());
  proto.set_prompt(record.prompt());
  proto.set_text(record.text());
  proto.set_token_count(record.target_ids_size());
  return proto;
}

v1::Probe ToProto(const store::ProbeRecord& record) {
  v1::Probe proto;
  proto.set_name(FormatResourceName(kProbes, record.id()));
  if (record.sequence() != 0) {
    proto.set_experience(FormatResourceName(kExperiences, record.sequence()));
  }
  proto.set_question(record.question());
  proto.set_expected_answer(record.expected_answer());
  proto.set_teacher_answer(record.teacher_answer());
  proto.set_origin(record.origin());
  return proto;
}

v1::ProbeResult ToProto(const probe::ProbeScore& score, int64_t version) {
  v1::ProbeResult proto;
  *proto.mutable_probe() = ToProto(score.probe);
  proto.set_version(version);
  proto.set_answer(score.answer);
  proto.set_kl_student(score.kl_student);
  proto.set_kl_base(score.kl_base);
  proto.set_token_count(score.tokens);
  const bool measurable = score.tokens > 0 && score.probe.sequence() != 0 &&
                          score.kl_base >= probe::kMinMeasurableKl * score.tokens;
  if (measurable) proto.set_efficacy(1 - score.kl_student / score.kl_base);
  return proto;
}

v1::Job ToProto(const store::JobRecord& record,
                const std::optional<update::Updater::Running>& running, int max_names) {
  v1::Job proto;
  proto.set_name(FormatResourceName(kJobs, record.id()));
  proto.set_state(ToProto(record.state()));
  proto.set_state_reason(record.state_reason());
  proto.set_parent_version(record.parent_version());
  // A version that was only reserved is nobody's business.
  if (record.state() == store::STORED_JOB_STATE_COMMITTED) proto.set_version(record.version());
  const std::vector<int64_t> trained = TrainedBy(record, max_names);
  for (const int64_t sequence : trained) {
    const bool is_new = proto.experiences_size() < record.sequences_size();
    *(is_new ? proto.add_experiences() : proto.add_rebuilt_experiences()) =
        FormatResourceName(kExperiences, sequence);
  }
  proto.set_experience_count(record.sequences_size());
  proto.set_rebuilt_experience_count(record.rebuilt_size());
  proto.set_kind(ToProto(record.kind()));
  proto.set_trigger(ToProto(record.trigger()));
  *proto.mutable_create_time() = ToTimestamp(record.create_time_micros());
  *proto.mutable_update_time() = ToTimestamp(record.update_time_micros());
  proto.set_attempt(record.attempt());
  if (running.has_value() && running->job.id() == record.id()) {
    *proto.mutable_progress() = ToProto(running->progress);
  }
  if (record.has_report()) *proto.mutable_report() = ToProto(record.report(), trained);
  return proto;
}

v1::RebuildCost ToProto(const update::RebuildCost& cost) {
  v1::RebuildCost proto;
  proto.set_anchor(cost.anchor);
  proto.set_experiences(cost.experiences);
  proto.set_target_tokens(cost.target_tokens);
  if (cost.steps.has_value()) proto.set_steps(*cost.steps);
  if (cost.trained_tokens.has_value()) proto.set_trained_tokens(*cost.trained_tokens);
  if (cost.seconds.has_value()) proto.set_seconds(*cost.seconds);
  return proto;
}

v1::Version ToProto(const store::VersionRecord& record, VersionState state) {
  v1::Version proto;
  proto.set_name(FormatResourceName(kVersions, record.number()));
  proto.set_number(record.number());
  proto.set_parent(record.parent());
  proto.set_job(FormatResourceName(kJobs, record.job()));
  *proto.mutable_create_time() = ToTimestamp(record.create_time_micros());
  proto.set_current(state.current);
  proto.set_live(state.live);
  proto.set_stored(!record.dropped());
  for (int64_t sequence : record.added()) {
    proto.add_added_experiences(FormatResourceName(kExperiences, sequence));
  }
  proto.set_experience_count(record.experience_count());
  if (record.has_efficacy()) proto.set_efficacy(record.efficacy());
  proto.set_retention_kl(record.retention_kl());
  proto.set_retention_perplexity_ratio(record.retention_perplexity_ratio());
  proto.set_size_bytes(record.size_bytes());
  return proto;
}

v1::Version BaseVersion(VersionState state) {
  v1::Version proto;
  proto.set_name(FormatResourceName(kVersions, 0));
  proto.set_current(state.current);
  proto.set_live(state.live);
  proto.set_stored(true);
  proto.set_retention_perplexity_ratio(1);
  return proto;
}

}  // namespace imprint::rpc
