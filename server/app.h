// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The server as a whole: makes the rooms in order, connects them, and takes them down.

#ifndef IMPRINT_SERVER_APP_H_
#define IMPRINT_SERVER_APP_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/auth/tokens.h"
#include "server/backup/backup_writer.h"
#include "server/engine/chat.h"
#include "server/engine/compute_share.h"
#include "server/engine/engine.h"
#include "server/experience/experience_log.h"
#include "server/generator/generator.h"
#include "server/generator/remote_writer.h"
#include "server/generator/worker.h"
#include "server/metrics/metrics.h"
#include "server/model/weights.h"
#include "server/options.h"
#include "server/probe/probe_maker.h"
#include "server/probe/prober.h"
#include "server/retention_source.h"
#include "server/rpc/event_hub.h"
#include "server/rpc/server.h"
#include "server/rpc/service_deps.h"
#include "server/rpc/worker_pool.h"
#include "server/store/store.h"
#include "server/text/text_model.h"
#include "server/update/distiller.h"
#include "server/update/gate.h"
#include "server/update/teacher_prompts.h"
#include "server/update/updater.h"
#include "server/version/version_manager.h"

namespace imprint {

class App {
 public:
  // Checks and loads everything; learning goes on where it was. Errors name the file, folder
  // or flag; nothing runs after them.
  static absl::StatusOr<std::unique_ptr<App>> Start(const ServerOptions& options);
  // Then: UNAVAILABLE naming the address that cannot be had.
  absl::Status Listen();
  // Without a drain.
  ~App();

  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // Health goes first, then learning stops at its next step, queries run on until
  // --drain_deadline, and the log is closed last. Nothing that was acknowledged is lost.
  void Shutdown();

 private:
  explicit App(const ServerOptions& options);

  // Each needs those before it.
  absl::Status OpenTokens();
  absl::Status OpenEndpoint();
  absl::Status LoadModel();
  absl::Status OpenData();
  absl::Status OpenBackups();
  absl::Status StartServing();
  absl::Status StartLearning();

  void ConnectEvents();
  rpc::ServiceDeps MakeServiceDeps();
  absl::Status WritePortFile(int metrics_port) const;

  const ServerOptions options_;
  const Clock* const clock_;

  // Made in this order and ended in the opposite one: each outlives those below it.
  metrics::Metrics metrics_;
  std::unique_ptr<auth::Tokens> tokens_;  // null: everybody may call
  rpc::EventHub events_;
  std::unique_ptr<text::TextModel> text_;
  std::shared_ptr<const model::Weights> weights_;
  std::string model_fingerprint_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<experience::ExperienceLog> log_;
  std::unique_ptr<version::VersionManager> versions_;
  std::unique_ptr<backup::BackupWriter> backups_;  // null: no --backup.dir
  std::unique_ptr<engine::ComputeShare> share_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::Chat> chat_;
  std::unique_ptr<probe::Prober> prober_;
  std::unique_ptr<probe::ProbeMaker> probe_maker_;
  std::unique_ptr<generator::RemoteWriter> remote_writer_;  // null: no endpoint
  std::unique_ptr<generator::Generator> generator_;
  std::unique_ptr<RetentionSource> retention_;
  std::unique_ptr<update::Distiller> distiller_;
  std::unique_ptr<update::TeacherPrompts> teacher_prompts_;
  std::unique_ptr<update::Gate> gate_;
  std::unique_ptr<generator::GeneratorWorker> generator_worker_;
  std::unique_ptr<update::Updater> updater_;
  std::unique_ptr<rpc::WorkerPool> quick_pool_;
  std::unique_ptr<rpc::WorkerPool> slow_pool_;
  rpc::ServiceDeps service_deps_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace imprint

#endif  // IMPRINT_SERVER_APP_H_
