// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Rows and keys of the store: the first byte says which kind, the rest are its bytes. Bytes that
// are no record are DATA_LOSS; a record is the same after it was cut into the rows of an
// experience, and can be shown to a caller whatever it says; a key is the only one of its parts.

#include "common/utf8.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "rocksdb/env.h"
#include "server/rpc/convert.h"
#include "server/store/experience_rows.h"
#include "server/store/keys.h"
#include "server/store/row.h"
#include "server/store/store.h"
#include "server/store/teacher_codec.h"
#include "tests/fuzz/fuzz.h"

namespace imprint::fuzz {
namespace {

using namespace store;  // NOLINT(google-build-using-namespace): all that is tested here

// In memory; rows are named after it.
const Database& OpenDatabase() {
  static rocksdb::Env* const env = rocksdb::NewMemEnv(rocksdb::Env::Default());
  static const auto database = Database::Open("/fuzz", env, Database::Access::kReadWrite);
  FUZZ_CHECK(database.ok());
  return **database;
}

template <typename Record>
std::optional<Record> Parse(std::string_view bytes) {
  absl::StatusOr<Record> record = ParseRow<Record>(OpenDatabase(), Family::kJobs, 1, bytes);
  FUZZ_CHECK(record.ok() || absl::IsDataLoss(record.status()));
  if (!record.ok()) return std::nullopt;
  record->DiscardUnknownFields();
  return *std::move(record);
}

std::string Bytes(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    FUZZ_CHECK(message.SerializeToCodedStream(&coded));
  }
  return bytes;
}

// A client can read it.
void CheckShown(const google::protobuf::Message& shown) {
  std::unique_ptr<google::protobuf::Message> received(shown.New());
  FUZZ_CHECK(received->ParseFromString(Bytes(shown)));
}

void CheckExperience(const ExperienceRecord& record) {
  auto joined = Parse<ExperienceRecord>(EncodeHead(record));
  const auto content = Parse<ExperienceRecord>(EncodeContent(record));
  FUZZ_CHECK(joined.has_value() && content.has_value());
  FUZZ_CHECK(joined->text().empty() && joined->messages().empty());
  joined->MergeFrom(*content);
  FUZZ_CHECK(Bytes(*joined) == Bytes(record));
  FUZZ_CHECK(ExpireTimeMicros(record) >= 0);
  CheckShown(rpc::ToProto(record, /*training=*/true, rpc::Content::kWith));
  rpc::ExperienceText(record);
}

void CheckTarget(const TargetRecord& record) {
  CheckShown(rpc::ToProto(record));
  const absl::StatusOr<TeacherRows> rows = UnpackTeacher(record);
  FUZZ_CHECK(rows.ok() || absl::IsDataLoss(rows.status()));
  if (!rows.ok()) return;
  FUZZ_CHECK(rows->tokens() == record.target_ids_size());
  for (int token = 0; token < rows->tokens(); ++token) {
    FUZZ_CHECK(rows->ids_of(token).size() == rows->log_probs_of(token).size());
  }
  TargetRecord again;
  PackTeacher(*rows, again);
  FUZZ_CHECK(again.top_ids() == record.top_ids() && again.k() == record.k());
  FUZZ_CHECK(again.top_log_probs() == record.top_log_probs());
}

void CheckKey(const std::string& key) {
  if (const auto expiry = ParseExpiryKey(key); expiry.has_value()) {
    FUZZ_CHECK(expiry->time_micros >= 0 && expiry->sequence >= 0);
    FUZZ_CHECK(ExpiryKey(expiry->time_micros, expiry->sequence) == key);
  }
  for (const std::string& prefix :
       {NamespacePrefix(), StatePrefix(STORED_STATE_READY), PurgedProbePrefix()}) {
    const auto number = NumberAfter(prefix, key);
    if (number.has_value()) FUZZ_CHECK(prefix + EncodeNumber(*number) == key);
  }
  if (const auto number = DecodeNumber(key); number.has_value()) {
    FUZZ_CHECK(*number >= 0 && EncodeNumber(*number) == key);
  }
  // Whatever a caller names his request: within the namespace, and apart from others.
  const std::string row = RequestKey(key);
  FUZZ_CHECK(row.substr(NamespacePrefix().size()) == key);
  FUZZ_CHECK(row >= NamespacePrefix() && row < EndOfPrefix(NamespacePrefix()));
  const std::string end = EndOfPrefix(row);
  FUZZ_CHECK(row < end && row + std::string(9, '\xff') < end);
}

}  // namespace
}  // namespace imprint::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace fuzz = imprint::fuzz;
  namespace rpc = imprint::rpc;
  namespace store = imprint::store;
  fuzz::Input input(data, size);
  const auto kind = input.Take<char>();
  const std::string_view bytes = input.rest();
  if (kind == 'e') {
    if (const auto record = fuzz::Parse<store::ExperienceRecord>(bytes)) {
      fuzz::CheckExperience(*record);
    }
  } else if (kind == 't') {
    if (const auto record = fuzz::Parse<store::TargetRecord>(bytes)) fuzz::CheckTarget(*record);
  } else if (kind == 'p') {
    if (const auto record = fuzz::Parse<store::ProbeRecord>(bytes)) {
      fuzz::CheckShown(rpc::ToProto(*record));
      fuzz::CheckTarget(record->teacher());
    }
  } else if (kind == 'j') {
    if (const auto record = fuzz::Parse<store::JobRecord>(bytes)) {
      fuzz::CheckShown(rpc::ToProto(*record, std::nullopt));
    }
  } else if (kind == 'v') {
    if (const auto record = fuzz::Parse<store::VersionRecord>(bytes)) {
      fuzz::CheckShown(rpc::ToProto(*record, {.current = true, .live = true}));
    }
  } else if (kind == 'm') {
    fuzz::Parse<store::MetaRecord>(bytes);
    fuzz::Parse<store::CountersRecord>(bytes);
  } else {
    fuzz::CheckKey(std::string(bytes));
  }
  return 0;
}
