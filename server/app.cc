// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/app.h"

#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/cpu_count.h"
#include "common/data_folder.h"
#include "common/file_util.h"
#include "common/loopback.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"
#include "server/backup/restore.h"
#include "server/model/device.h"
#include "server/rpc/convert.h"
#include "server/server_metrics.h"
#include "server/store/repair.h"
#include "spdlog/spdlog.h"

namespace imprint {
namespace {

// Experiences written about at once: as many as keep the engine's batch full while each of
// them waits for a step of its own.
constexpr int kGeneratorThreads = 8;
// After the engine ended what was left over: for the last messages to leave.
constexpr absl::Duration kLastWords = absl::Seconds(2);
constexpr int kQuickThreads = 2;
constexpr int kSlowThreads = 4;

// The last part of the folder's path, for people and metrics.
std::string ModelName(const std::filesystem::path& folder) {
  const std::filesystem::path path = std::filesystem::absolute(folder).lexically_normal();
  return path.has_filename() ? path.filename() : path.parent_path().filename();
}

// Before the tokenizer is asked for, whose absence says less.
absl::Status CheckModelFolder(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat("--model: there is no folder ", folder.string()));
  }
  if (!std::filesystem::exists(folder / "config.json", error)) {
    return absl::NotFoundError(
        absl::StrCat("--model: ", folder.string(),
                     " has no config.json: it is not a Hugging Face folder of a model"));
  }
  return absl::OkStatus();
}

}  // namespace

App::App(const ServerOptions& options)
    : options_(options), clock_(Clock::Real()), events_(clock_, options_.max_events) {}

App::~App() {
  events_.Close();
  server_ = nullptr;
  metrics_.RemoveCallbacks();
}

absl::StatusOr<std::unique_ptr<App>> App::Start(const ServerOptions& options) {
  std::unique_ptr<App> app(new App(options));
  IMPRINT_RETURN_IF_ERROR(app->OpenTokens());
  IMPRINT_RETURN_IF_ERROR(app->OpenEndpoint());
  IMPRINT_RETURN_IF_ERROR(app->LoadModel());
  IMPRINT_RETURN_IF_ERROR(app->OpenData());
  IMPRINT_RETURN_IF_ERROR(app->StartServing());
  IMPRINT_RETURN_IF_ERROR(app->StartLearning());
  return app;
}

absl::Status App::OpenTokens() {
  if (options_.tokens_file.empty()) {
    const rpc::ListenOptions& listen = options_.listen;
    const bool is_open = !IsThisMachine(listen.address) ||
                         (!listen.admin_address.empty() && !IsThisMachine(listen.admin_address));
    if (is_open && listen.tls.client_ca_file.empty()) {
      spdlog::warn("whoever reaches {} may inject and administer: see --auth.tokens_file",
                   listen.address);
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<auth::Tokens>> tokens =
      auth::Tokens::Open(options_.tokens_file, metrics_.auth(), clock_);
  if (!tokens.ok()) {
    return absl::Status(tokens.status().code(),
                        absl::StrCat("--auth.tokens_file: ", tokens.status().message()));
  }
  tokens_ = *std::move(tokens);
  return absl::OkStatus();
}

absl::Status App::OpenEndpoint() {
  if (options_.remote.endpoint.empty()) return absl::OkStatus();
  IMPRINT_ASSIGN_OR_RETURN(auto endpoint,
                           generator::RemoteEndpoint::Open(options_.remote, metrics_.generator()));
  remote_writer_ = std::make_unique<generator::RemoteWriter>(std::move(endpoint));
  spdlog::warn("the text of experiences is sent to {} (--generator.endpoint)",
               options_.remote.endpoint);
  return absl::OkStatus();
}

absl::Status App::LoadModel() {
  IMPRINT_RETURN_IF_ERROR(CheckModelFolder(options_.model));
  const int threads = options_.threads > 0 ? options_.threads : UsableCpus();
  model::SetComputeThreads(threads);
  IMPRINT_ASSIGN_OR_RETURN(model::Placement placement,
                           model::MakePlacement(options_.device, options_.dtype));
  IMPRINT_ASSIGN_OR_RETURN(text_, text::TextModel::Load(options_.model));
  IMPRINT_ASSIGN_OR_RETURN(weights_, model::LoadWeights(options_.model, placement));
  const model::ModelConfig& config = weights_->config;
  if (text_->tokenizer().vocab_size() > config.vocab_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        (options_.model / "tokenizer.json").string(), " has ", text_->tokenizer().vocab_size(),
        " tokens, but the model's vocabulary ends at ", config.vocab_size,
        ": they are not of the same model"));
  }
  // Without it no update could ever begin.
  IMPRINT_RETURN_IF_ERROR(
      generator::CheckRetentionOptions(options_.retention, config.max_positions, *text_));
  IMPRINT_ASSIGN_OR_RETURN(model_fingerprint_, model::ModelFingerprint(options_.model));
  spdlog::info("model {}: {} of {} layers on {}, {}, {} threads", options_.model.string(),
               config.architecture, config.layers, options_.device, options_.dtype, threads);
  return absl::OkStatus();
}

absl::Status App::OpenData() {
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(options_.data_dir));
  // What is in it is closed by itself; a volume may belong to root.
  if (const absl::Status closed = CloseToOthers(options_.data_dir); !closed.ok()) {
    spdlog::warn("--data_dir is open to every user of this machine: {}",
                 std::string(closed.message()));
  }
  IMPRINT_RETURN_IF_ERROR(backup::CheckNotHalfRestored(options_.data_dir));
  store::StoreOptions store;
  store.path = options_.data_dir / kStoreFolder;
  store.model_fingerprint = model_fingerprint_;
  store.tokenizer_fingerprint = text_->fingerprint();
  IMPRINT_ASSIGN_OR_RETURN(store_, store::Store::Open(store));
  IMPRINT_RETURN_IF_ERROR(store::RemoveUnfinishedRepair(store.path));
  experience::ExperienceLogOptions log = options_.log;
  log.disk = options_.data_dir;
  IMPRINT_ASSIGN_OR_RETURN(log_, experience::ExperienceLog::Open(store_.get(), log, clock_));
  version::VersionManagerOptions versions;
  versions.directory = VersionsOf(options_.data_dir);
  versions.model_fingerprint = model_fingerprint_;
  versions.keep = options_.version_keep;
  versions.rollback_when_broken = options_.version_rollback_when_broken;
  IMPRINT_ASSIGN_OR_RETURN(versions_,
                           version::VersionManager::Open(store_.get(), weights_, versions, clock_));
  spdlog::info("data {}: version {}, {} experiences", options_.data_dir.string(),
               versions_->current()->number, log_->last_sequence());
  return OpenBackups();
}

absl::Status App::OpenBackups() {
  IMPRINT_RETURN_IF_ERROR(backup::BackupWriter::RemoveUnfinished(options_.data_dir));
  if (options_.backup_dir.empty()) return absl::OkStatus();
  const backup::BackupWriterOptions backups = {
      .folder = options_.backup_dir, .data_dir = options_.data_dir, .keep = options_.backup_keep};
  absl::StatusOr<std::unique_ptr<backup::BackupWriter>> opened = backup::BackupWriter::Open(
      backups, store_.get(), [this](auto work) { return versions_->AtRest(work); });
  if (!opened.ok()) {
    return absl::Status(opened.status().code(),
                        absl::StrCat("--backup.dir: ", opened.status().message()));
  }
  backups_ = *std::move(opened);
  return absl::OkStatus();
}

absl::Status App::StartServing() {
  share_ = std::make_unique<engine::ComputeShare>(options_.compute_share);
  engine_ = engine::Engine::Start(options_.engine, share_.get(), metrics_.engine(), clock_);
  engine_->SetCurrent(versions_->current());
  chat_ = std::make_unique<engine::Chat>(engine_.get(), text_.get());
  prober_ = std::make_unique<probe::Prober>(engine_.get(), text_.get());
  probe::ProbeMakerOptions probes;
  probes.max_answer_tokens = options_.generator.max_answer_tokens;
  probes.top_k = options_.generator.top_k;
  probe_maker_ =
      std::make_unique<probe::ProbeMaker>(probes, engine_.get(), versions_->base(), text_.get());
  return absl::OkStatus();
}

absl::Status App::StartLearning() {
  ConnectEvents();
  generator_ =
      std::make_unique<generator::Generator>(options_.generator, engine_.get(), versions_->base(),
                                             text_.get(), probe_maker_.get(), remote_writer_.get());
  generator::RetentionTextOptions retention = options_.retention;
  retention.model_fingerprint = model_fingerprint_;
  retention_ =
      std::make_unique<RetentionSource>(retention, engine_.get(), versions_->base(), text_.get(),
                                        options_.data_dir / kRetentionCacheFile);
  update::DistillerOptions distiller = options_.distiller;
  distiller.student_answers.max_answer_tokens = options_.generator.max_answer_tokens;
  distiller.student_answers.top_k = options_.generator.top_k;
  distiller.student_answers.stop_ids = text_->stop_ids();
  distiller_ = std::make_unique<update::Distiller>(distiller, weights_, share_.get());
  gate_ = std::make_unique<update::Gate>(options_.gate, store_.get(), prober_.get());
  teacher_prompts_ = std::make_unique<update::TeacherPrompts>(
      text_.get(), log_.get(), generator_.get(), weights_->config.max_positions,
      options_.generator.max_answer_tokens);
  update::UpdaterDeps deps = {
      .store = store_.get(),
      .log = log_.get(),
      .versions = versions_.get(),
      .engine = engine_.get(),
      .distiller = distiller_.get(),
      .teacher_prompts =
          [this](int64_t sequence, const auto& sentences, const auto& cancelled) {
            return teacher_prompts_->Of(sequence, sentences, cancelled);
          },
      .gate = gate_.get(),
      .retention = [this](const auto& cancelled) { return retention_->Get(cancelled); },
      .replay_share = options_.distiller.replay_share,
      .min_replay = options_.distiller.min_replay,
      .rebuild = options_.rebuild,
      .metrics = metrics_.update(),
      .clock = clock_,
      .manual_approval = options_.manual_approval,
      .in_background = [this](auto work) { distiller_->RunAsTraining(work); },
  };
  deps.rebuild.max_retention_kl = options_.gate.max_retention_kl;
  IMPRINT_ASSIGN_OR_RETURN(updater_, update::Updater::Start(options_.scheduler, deps));
  updater_->AddListener([this](const store::JobRecord& job) {
    v1::Event event;
    *event.mutable_job() = rpc::ToProto(job, std::nullopt);
    events_.Publish(std::move(event));
  });
  generator_worker_ =
      std::make_unique<generator::GeneratorWorker>(generator_.get(), log_.get(), kGeneratorThreads);
  return absl::OkStatus();
}

void App::ConnectEvents() {
  log_->AddListener([this](const store::ExperienceRecord& record) {
    v1::Event event;
    // What it says stays out: a thousand events would hold a thousand documents.
    *event.mutable_experience() =
        rpc::ToProto(record, log_->IsTraining(record.sequence()), rpc::Content::kWithout);
    events_.Publish(std::move(event));
  });
  versions_->AddListener([this](const store::VersionRecord& record, bool current) {
    v1::Event event;
    const rpc::VersionState state = {.current = current, .live = current};
    *event.mutable_version() =
        record.number() == 0 ? rpc::BaseVersion(state) : rpc::ToProto(record, state);
    events_.Publish(std::move(event));
  });
}

absl::Status App::Listen() {
  quick_pool_ = std::make_unique<rpc::WorkerPool>(
      rpc::WorkerPoolOptions{.threads = kQuickThreads, .max_queue = options_.max_calls_waiting});
  slow_pool_ = std::make_unique<rpc::WorkerPool>(rpc::WorkerPoolOptions{
      .threads = kSlowThreads, .max_queue = options_.max_long_calls_waiting});
  service_deps_ = MakeServiceDeps();
  AddBuildInfo(service_deps_.info, &metrics_);
  AddExperienceMetrics(log_.get(), clock_, &metrics_);
  AddVersionMetrics(versions_.get(), &metrics_);
  AddStoreMetrics(store_.get(), &metrics_);
  AddDiskMetrics(options_.data_dir, &metrics_);
  if (backups_ != nullptr) AddBackupMetrics(backups_.get(), &metrics_);
  AddLimits(options_, &metrics_);
  AddCallMetrics(quick_pool_.get(), slow_pool_.get(), &metrics_);
  int metrics_port = 0;
  if (!options_.metrics_listen.empty()) {
    IMPRINT_ASSIGN_OR_RETURN(metrics_port, metrics_.Listen(options_.metrics_listen));
  }
  IMPRINT_ASSIGN_OR_RETURN(server_,
                           rpc::Server::Start(options_.listen, &service_deps_, metrics_.rpc()));
  IMPRINT_RETURN_IF_ERROR(WritePortFile(metrics_port));
  spdlog::info("listening on {} (port {}; admin {}, metrics {})", options_.listen.address,
               server_->port(), server_->admin_port(), metrics_port);
  return absl::OkStatus();
}

rpc::ServiceDeps App::MakeServiceDeps() {
  rpc::ServiceDeps deps;
  deps.store = store_.get();
  deps.log = log_.get();
  deps.versions = versions_.get();
  deps.engine = engine_.get();
  deps.chat = chat_.get();
  deps.text = text_.get();
  deps.probe_maker = probe_maker_.get();
  deps.prober = prober_.get();
  deps.updater = updater_.get();
  deps.backups = backups_.get();
  deps.events = &events_;
  deps.quick = quick_pool_.get();
  deps.slow = slow_pool_.get();
  deps.clock = clock_;
  deps.engine_metrics = metrics_.engine();
  deps.limits = options_.limits;
  deps.limits.vocab_size = static_cast<int32_t>(weights_->config.vocab_size);
  deps.limits.window = static_cast<int32_t>(weights_->config.max_positions);
  deps.query = options_.query;
  deps.info = {.model = ModelName(options_.model),
               .model_folder = options_.model,
               .device = options_.device,
               .dtype = options_.dtype,
               .version = ServerVersion(),
               .start_time = clock_->Now()};
  deps.guard = rpc::Guard(
      {.tokens = tokens_.get(), .forget_scope = options_.forget_scope, .metrics = metrics_.auth()});
  return deps;
}

absl::Status App::WritePortFile(int metrics_port) const {
  if (options_.port_file.empty()) return absl::OkStatus();
  const nlohmann::ordered_json ports = {{"listen", server_->port()},
                                        {"admin_listen", server_->admin_port()},
                                        {"metrics_listen", metrics_port}};
  return WriteFileAtomically(options_.port_file, ports.dump() + "\n");
}

void App::Shutdown() {
  const absl::Time deadline = clock_->Now() + options_.drain_deadline;
  spdlog::info("draining for at most {}", absl::FormatDuration(options_.drain_deadline));
  server_->StopServing();
  // All calls that use what learns are on the pools: once they are stopped, nobody does.
  // Those that come later get UNAVAILABLE; an append still becomes durable.
  quick_pool_->Stop();
  slow_pool_->Stop();
  updater_ = nullptr;
  generator_worker_ = nullptr;
  engine_->Drain(deadline);
  events_.Close();
  server_->Shutdown(deadline + kLastWords);
  metrics_.RemoveCallbacks();
  engine_ = nullptr;
  backups_ = nullptr;
  versions_ = nullptr;
  log_ = nullptr;
  store_ = nullptr;
  spdlog::info("stopped");
}

}  // namespace imprint
