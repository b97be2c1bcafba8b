// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A server whose experiences are what a test says, on a real channel: for states that a real
// one passes through too quickly to be met by a test.

#ifndef IMPRINT_TESTS_CLIENT_FAKE_SERVER_H_
#define IMPRINT_TESTS_CLIENT_FAKE_SERVER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/command.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"
#include "imprint/client.h"
#include "imprint/v1/admin_service.grpc.pb.h"
#include "imprint/v1/imprint_service.grpc.pb.h"

namespace imprint::client {

// The log and the status, with a hook before each look at them. Hooks run on gRPC's threads,
// one at a time, and may change the world.
struct FakeWorld {
  std::map<int64_t, v1::Experience> experiences;
  v1::GetStatusResponse status;
  std::function<void(FakeWorld&)> on_run_update = [](FakeWorld&) {};
  std::function<void(FakeWorld&, const v1::ListExperiencesRequest&)> on_list =
      [](FakeWorld&, const v1::ListExperiencesRequest&) {};
  std::function<void(FakeWorld&)> on_get = [](FakeWorld&) {};
  v1::ExperienceView last_view = v1::EXPERIENCE_VIEW_UNSPECIFIED;
  // An empty page, which is not the last one, comes before each that is not.
  bool empty_pages = false;
  // What the next looks at an experience are refused with, in turn.
  std::deque<grpc::Status> refusals;
  // What each look at the status is refused with.
  grpc::Status status_refusal;
  int status_looks = 0;
  int64_t change = 0;

  void Put(int64_t sequence, v1::ExperienceState state, const std::string& reason = "") {
    v1::Experience& experience = experiences[sequence];
    experience.set_name(absl::StrCat("experiences/", sequence));
    experience.set_sequence(sequence);
    experience.set_state(state);
    experience.set_state_reason(reason);
    experience.mutable_update_time()->set_seconds(++change);
  }
};

// What a server says whose quota is used up.
inline grpc::Status QuotaUsedUp(absl::Duration delay) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(delay)));
  google::rpc::Status details;
  details.add_details()->PackFrom(retry);
  return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "quota", details.SerializeAsString());
}

class FakeImprintService final : public v1::ImprintService::Service {
 public:
  // Ends the page token after an empty page.
  static constexpr char kLookedAt[] = "+";

  FakeImprintService(absl::Mutex* mutex, FakeWorld* world) : mutex_(mutex), world_(world) {}

  grpc::Status GetExperience(grpc::ServerContext*, const v1::GetExperienceRequest* request,
                             v1::GetExperienceResponse* response) override {
    absl::MutexLock lock(mutex_);
    if (!world_->refusals.empty()) {
      const grpc::Status refusal = world_->refusals.front();
      world_->refusals.pop_front();
      return refusal;
    }
    world_->last_view = request->view();
    world_->on_get(*world_);
    for (const auto& [sequence, experience] : world_->experiences) {
      if (experience.name() == request->name()) *response->mutable_experience() = experience;
    }
    return grpc::Status::OK;
  }

  // Pages of one, so that a page has a successor.
  grpc::Status ListExperiences(grpc::ServerContext*, const v1::ListExperiencesRequest* request,
                               v1::ListExperiencesResponse* response) override {
    absl::MutexLock lock(mutex_);
    world_->on_list(*world_, *request);
    if (world_->empty_pages && !request->page_token().ends_with(kLookedAt)) {
      const std::string after = request->page_token().empty() ? "0" : request->page_token();
      response->set_next_page_token(absl::StrCat(after, kLookedAt));
      return grpc::Status::OK;
    }
    const int64_t after = request->page_token().empty() ? 0 : std::stoll(request->page_token());
    for (const auto& [sequence, experience] : world_->experiences) {
      if (sequence <= after) continue;
      if (request->state() != v1::EXPERIENCE_STATE_UNSPECIFIED &&
          request->state() != experience.state()) {
        continue;
      }
      *response->add_experiences() = experience;
      response->set_next_page_token(absl::StrCat(sequence));
      break;
    }
    return grpc::Status::OK;
  }

 private:
  absl::Mutex* const mutex_;
  FakeWorld* const world_;
};

class FakeAdminService final : public v1::AdminService::Service {
 public:
  FakeAdminService(absl::Mutex* mutex, FakeWorld* world) : mutex_(mutex), world_(world) {}

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    absl::MutexLock lock(mutex_);
    ++world_->status_looks;
    *response = world_->status;
    return world_->status_refusal;
  }

  // Refused for as long as the status says that updates stand.
  grpc::Status RunUpdate(grpc::ServerContext*, const v1::RunUpdateRequest*,
                         v1::RunUpdateResponse* response) override {
    absl::MutexLock lock(mutex_);
    const bool refused =
        world_->status.updates_paused() || !world_->status.updates_stopped_reason().empty();
    if (!refused && !world_->experiences.empty()) {
      response->set_last_sequence(world_->experiences.rbegin()->first);
    }
    world_->on_run_update(*world_);
    return refused ? grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "refused")
                   : grpc::Status::OK;
  }

 private:
  absl::Mutex* const mutex_;
  FakeWorld* const world_;
};

// Listens while it lives. Set the world up before the first call.
class FakeServer {
 public:
  FakeServer() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.SetMaxSendMessageSize(-1);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&imprint_);
    builder.RegisterService(&admin_);
    server_ = builder.BuildAndStart();
    command_.options.server = absl::StrCat("127.0.0.1:", port);
    command_.json = true;  // no bar
    client_ = Client::Make(command_.options).value();
    command_.client = client_.get();
  }
  ~FakeServer() { server_->Shutdown(); }

  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  FakeWorld& world() { return world_; }
  const Command& command() const { return command_; }
  Client& client() { return *client_; }

 private:
  absl::Mutex mutex_;
  FakeWorld world_;
  FakeImprintService imprint_{&mutex_, &world_};
  FakeAdminService admin_{&mutex_, &world_};
  std::unique_ptr<grpc::Server> server_;
  Command command_;
  std::unique_ptr<Client> client_;
};

}  // namespace imprint::client

#endif  // IMPRINT_TESTS_CLIENT_FAKE_SERVER_H_
