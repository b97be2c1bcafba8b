// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// One ExportVersion: makes and writes a piece at a time, at its client's pace.

#ifndef IMPRINT_SERVER_RPC_EXPORT_STREAM_H_
#define IMPRINT_SERVER_RPC_EXPORT_STREAM_H_

#include <atomic>
#include <memory>

#include "grpcpp/support/server_callback.h"
#include "imprint/v1/admin_service.pb.h"
#include "server/rpc/service_deps.h"
#include "server/version/version_export.h"

namespace imprint::rpc {

// Owns itself: gRPC holds it until OnDone. Pieces are made on the slow pool, one after another.
class ExportStream final : public grpc::ServerWriteReactor<v1::ExportVersionResponse> {
 public:
  // `busy` is true while an export runs; it and `deps` outlive the stream.
  static grpc::ServerWriteReactor<v1::ExportVersionResponse>* Make(
      const ServiceDeps* deps, const v1::ExportVersionRequest& request, std::atomic<bool>* busy);

 private:
  ExportStream(const ServiceDeps* deps, const v1::ExportVersionRequest& request,
               std::atomic<bool>* busy)
      : deps_(*deps), request_(request), busy_(busy) {}

  void OnWriteDone(bool ok) override;
  void OnCancel() override { cancelled_ = true; }
  void OnDone() override;

  // Has the next piece made on the pool, or finishes.
  void Advance();
  // On the pool: makes the next piece and writes it, or finishes.
  void WriteNext();
  absl::Status Open();
  absl::Status FillNext(bool* end);

  const ServiceDeps& deps_;
  const v1::ExportVersionRequest request_;
  std::atomic<bool>* const busy_;
  bool counted_ = false;  // this one made `busy_` true
  std::atomic<bool> cancelled_{false};
  // gRPC lets one write happen at a time, so that these have one user.
  std::unique_ptr<version::VersionExport> export_;
  v1::ExportVersionResponse response_;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_EXPORT_STREAM_H_
