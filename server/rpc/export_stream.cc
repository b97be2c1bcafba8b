// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/export_stream.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/resource_name.h"
#include "common/status_macros.h"
#include "common/string_view.h"
#include "server/rpc/errors.h"
#include "server/rpc/lookup.h"
#include "server/rpc/validate.h"

namespace imprint::rpc {
namespace {

// Refuses in a way that tells a caller to come again.
absl::Status AnotherRuns() {
  return WithReason(absl::ResourceExhaustedError("another export runs; try again when it is over"),
                    kReasonServerBusy);
}

}  // namespace

grpc::ServerWriteReactor<v1::ExportVersionResponse>* ExportStream::Make(
    const ServiceDeps* deps, const v1::ExportVersionRequest& request, std::atomic<bool>* busy) {
  auto* const stream = new ExportStream(deps, request, busy);
  if (busy->exchange(true)) {
    stream->Finish(ToGrpcStatus(AnotherRuns()));
  } else {
    stream->counted_ = true;
    stream->Advance();
  }
  return stream;
}

void ExportStream::Advance() {
  const absl::Status taken = deps_.slow->Run([this] { WriteNext(); });
  if (!taken.ok()) Finish(ToGrpcStatus(taken));
}

void ExportStream::WriteNext() {
  bool end = false;
  absl::Status status;
  if (cancelled_) status = absl::CancelledError("the caller gave up");
  if (status.ok() && export_ == nullptr) status = Open();
  if (status.ok()) status = FillNext(&end);
  if (!status.ok() || end) {
    Finish(ToGrpcStatus(status));
  } else {
    StartWrite(&response_);
  }
}

absl::Status ExportStream::Open() {
  IMPRINT_ASSIGN_OR_RETURN(const int64_t number,
                           ParseNameField("name", ToAbsl(kVersions), request_.name()));
  if (number != 0) {
    IMPRINT_RETURN_IF_ERROR(
        Found(deps_.store->GetVersion(number), ToAbsl(kVersions), number, kReasonVersionNotFound)
            .status());
  }
  IMPRINT_ASSIGN_OR_RETURN(auto deltas, number == 0
                                            ? absl::StatusOr<version::Deltas>(version::Deltas{})
                                            : deps_.versions->Deltas(number));
  if (request_.format() == v1::EXPORT_FORMAT_PEFT) {
    IMPRINT_ASSIGN_OR_RETURN(export_,
                             version::VersionExport::Peft(std::move(deltas), deps_.info.model));
    return absl::OkStatus();
  }
  absl::StatusOr<engine::SharedVersion> version = deps_.versions->Acquire(number);
  // Not live: merged for this alone.
  if (!version.ok()) version = deps_.versions->MakeCandidate(number, 0, std::move(deltas));
  IMPRINT_RETURN_IF_ERROR(version.status());
  IMPRINT_ASSIGN_OR_RETURN(
      export_, version::VersionExport::HuggingFace(*std::move(version), deps_.info.model_folder));
  return absl::OkStatus();
}

absl::Status ExportStream::FillNext(bool* end) {
  IMPRINT_ASSIGN_OR_RETURN(std::optional<version::ExportPiece> piece, export_->Next());
  *end = !piece.has_value();
  if (piece.has_value()) {
    response_.set_file(std::move(piece->file));
    response_.set_data(std::move(piece->bytes));
  }
  return absl::OkStatus();
}

void ExportStream::OnWriteDone(bool ok) {
  if (ok) {
    Advance();
  } else {
    Finish(ToGrpcStatus(absl::CancelledError("the caller gave up")));
  }
}

void ExportStream::OnDone() {
  if (counted_) *busy_ = false;
  delete this;
}

}  // namespace imprint::rpc
