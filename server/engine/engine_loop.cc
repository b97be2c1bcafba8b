// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the engine's thread does.

#include <algorithm>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "absl/strings/str_cat.h"
#include "c10/core/InferenceMode.h"
#include "c10/core/impl/VirtualGuardImpl.h"
#include "server/engine/engine_impl.h"
#include "server/engine/step.h"
#include "server/model/guard.h"
#include "server/model/team.h"
#include "spdlog/spdlog.h"

namespace imprint::engine {
namespace {

bool Contains(const std::vector<int32_t>& ids, int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

void EngineImpl::Loop() {
  // OpenMP's number of threads belongs to the thread that asks for them.
  at::init_num_threads();
  model::Team team(at::get_num_threads());
  const model::TeamScope on_team(&team);
  const c10::InferenceMode inference_mode;
  while (AwaitWork()) {
    share_->BeginServing();
    TakeOrders();
    for (const Priority priority : {Priority::kUser, Priority::kBackground}) EndDue(priority);
    RunTurn();
    share_->EndServing();
    PublishLoad();
  }
  TakeOrders();
  for (Task* task : pool_.All()) Finish(task, absl::UnavailableError("the server is stopping"));
}

bool EngineImpl::HasOrders() const {
  return orders_.stop || orders_.switched || !orders_.tasks.empty();
}

bool EngineImpl::AwaitWork() {
  absl::MutexLock lock(&mutex_);
  if (pool_.empty()) mutex_.Await(absl::Condition(this, &EngineImpl::HasOrders));
  return !orders_.stop;
}

void EngineImpl::TakeOrders() {
  bool news = false;
  {
    absl::MutexLock lock(&mutex_);
    rules_.drain_at = orders_.drain_at;
    news = orders_.switched || !orders_.tasks.empty();
    if (std::exchange(orders_.switched, false)) rules_.superseded = orders_.superseded;
    for (std::unique_ptr<Task>& task : orders_.tasks) pool_.Add(std::move(task));
    orders_.tasks.clear();
  }
  if (news) {
    pool_.PurgeCache([this](int64_t version) { return !rules_.superseded.contains(version); });
  }
}

bool EngineImpl::IsSuperseded(const Task& task) const {
  return rules_.superseded.contains(task.version->number);
}

absl::Status EngineImpl::DueStatus(const Task& task, absl::Time now) const {
  // First, since gRPC cancels what is past its deadline.
  if (now >= task.deadline) {
    return absl::DeadlineExceededError("the request's deadline passed before its answer ended");
  }
  if (task.handle.cancelled()) return absl::CancelledError("the request was cancelled");
  if (now >= rules_.drain_at) return absl::UnavailableError("the server is shutting down");
  const auto superseded = rules_.superseded.find(task.version->number);
  if (superseded != rules_.superseded.end() && now >= superseded->second.end_at) {
    return absl::AbortedError(absl::StrCat("version ", task.version->number,
                                           " was superseded more than ",
                                           absl::FormatDuration(options_.drain_deadline),
                                           " ago (--version.drain_deadline); ask again"));
  }
  return absl::OkStatus();
}

bool EngineImpl::UsersAsk() {
  if (pool_.Has(Priority::kUser)) return true;
  absl::MutexLock lock(&mutex_);
  return std::any_of(orders_.tasks.begin(), orders_.tasks.end(),
                     [](const auto& task) { return task->is_user(); });
}

void EngineImpl::EndDue(Priority priority) {
  const absl::Time now = clock_->Now();
  for (Task* task : pool_.All()) {
    if (task->priority != priority) continue;
    const absl::Status status = DueStatus(*task, now);
    const bool nothing_to_score = task->scoring() != nullptr && task->scoring()->target.empty();
    if (!status.ok() || nothing_to_score) Finish(task, status);
  }
}

void EngineImpl::RunTurn() {
  const bool background_goes_on = credit_.left() && pool_.Has(Priority::kBackground);
  if (!background_goes_on && RunStep(Priority::kUser)) return;
  if (RunStep(Priority::kBackground)) return;
  // No room for its tasks, or nothing is there.
  RunStep(Priority::kUser);
}

void EngineImpl::CountBackground() {
  const absl::Time now = clock_->Now();
  credit_.BackgroundTook(now - background_since_);
  background_took_ += now - background_since_;
  background_since_ = now;
}

void EngineImpl::LetUsersIn(c10::Device device) {
  CountBackground();
  if (credit_.left() || !UsersAsk()) return;
  // A GPU is told of layers long before it computes them, and does so one after another.
  if (!device.is_cpu()) {
    const c10::impl::VirtualGuardImpl guard(device.type());
    guard.getStream(device).synchronize();
  }
  // Training may have its turn in between.
  share_->EndServing();
  share_->BeginServing();
  TakeOrders();
  EndDue(Priority::kUser);
  RunStep(Priority::kUser);
  PublishLoad();
  share_->EndServing();
  share_->BeginServing();
  background_since_ = clock_->Now();
}

bool EngineImpl::RunStep(Priority priority) {
  if (!pool_.Has(priority)) return false;
  const bool is_user = priority == Priority::kUser;
  const absl::Time began = clock_->Now();
  Batch batch;
  std::vector<int32_t> sampled;
  model::LayerHook layer_hook;
  if (!is_user) {
    background_since_ = began;
    background_took_ = absl::ZeroDuration();
    layer_hook = [this, &batch] {
      LetUsersIn(batch.tasks.front()->version->weights->placement.device);
    };
  }
  absl::Status status = model::Guarded("a step of the engine", [&] {
    pool_.Plan(priority, &batch);
    if (!batch.tasks.empty()) sampled = ComputeStep(batch, layer_hook);
  });
  if (absl::IsResourceExhausted(status)) {
    status = absl::ResourceExhaustedError(absl::StrCat(
        status.message(), " (--serve.kv_tokens and --serve.max_running bound what it takes)"));
  }
  if (!status.ok()) {
    spdlog::error("{} requests end: {}", batch.tasks.size(), status.ToString());
    for (Task* task : batch.tasks) Finish(task, status);
    return true;
  }
  if (batch.tasks.empty()) return false;
  if (!is_user) CountBackground();
  const absl::Duration took = is_user ? clock_->Now() - began : background_took_;
  if (is_user && pool_.Has(Priority::kBackground)) credit_.UsersTook(took);
  meter_.Step(batch.tasks.size(), took);
  Deliver(batch, sampled);
  return true;
}

void EngineImpl::Deliver(const Batch& batch, const std::vector<int32_t>& sampled) {
  for (const Task* task : batch.tasks) {
    const bool prefix_done = task->shared_prefix > 0 && task->computed() == task->shared_prefix;
    if (prefix_done && !IsSuperseded(*task)) pool_.KeepPrefix(*task);
  }
  for (Task* task : batch.tasks) {
    if (task->scoring() == nullptr) continue;
    const bool packed = !task->kv_cache.has_value();
    if (packed || task->computed() == task->length()) Finish(task, absl::OkStatus());
  }
  const absl::Time now = clock_->Now();
  for (size_t i = 0; i < batch.samples.size(); ++i) {
    DeliverToken(batch.samples[i].task, sampled[i], now);
  }
}

void EngineImpl::DeliverToken(Task* task, int32_t token, absl::Time now) {
  Generation& generation = *task->generation();
  if (Contains(generation.stop_ids, token)) return Finish(task, absl::OkStatus());
  generation.output.push_back(token);
  task->tokens.push_back(token);
  meter_.Token(*task, now);
  generation.last_token_at = now;
  const auto& on_token = generation.callbacks.on_token;
  if (on_token && !on_token(token)) return Finish(task, absl::OkStatus());
  if (static_cast<int32_t>(generation.output.size()) >= generation.max_tokens) {
    Finish(task, absl::OkStatus(), FinishReason::kLength);
  }
}

void EngineImpl::Finish(Task* pooled, const absl::Status& status, FinishReason reason) {
  std::unique_ptr<Task> task = pool_.Remove(pooled);
  const bool chat = task->is_user() && task->generation() != nullptr;
  if (status.ok() && chat && !IsSuperseded(*task)) pool_.KeepWhole(*task);
  if (status.ok() && task->scoring() != nullptr) meter_.Scored(*task);
  // Whoever hears of the end finds everything let go: room, keys and values, version.
  std::variant<Generation, Scoring> work = std::move(task->work);
  task.reset();
  PublishLoad();
  if (auto* generation = std::get_if<Generation>(&work)) {
    if (!status.ok()) return generation->callbacks.on_done(status);
    generation->callbacks.on_done(GenerateResult{std::move(generation->output), reason});
  } else {
    auto& scoring = std::get<Scoring>(work);
    if (!status.ok()) return scoring.on_done(status);
    scoring.on_done(std::move(scoring.result));
  }
}

void EngineImpl::PublishLoad() {
  EngineLoad load = pool_.load();
  absl::MutexLock lock(&mutex_);
  load.waiting += static_cast<int>(orders_.tasks.size());
  load_ = load;
  meter_.Load(load_);
  waiting_users_ = pool_.waiting_users() +
                   static_cast<int>(std::count_if(orders_.tasks.begin(), orders_.tasks.end(),
                                                  [](const auto& t) { return t->is_user(); }));
}

}  // namespace imprint::engine
