// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A listening server with a real store, log, tokenizer and versions of a tiny model, and a
// scripted engine, with a client beside it.

#ifndef IMPRINT_TESTS_RPC_RPC_TEST_BASE_H_
#define IMPRINT_TESTS_RPC_RPC_TEST_BASE_H_

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "imprint/v1/admin_service.grpc.pb.h"
#include "imprint/v1/imprint_service.grpc.pb.h"
#include "server/engine/chat.h"
#include "server/rpc/server.h"
#include "server/rpc/service_deps.h"
#include "server/text/text_model.h"
#include "tests/rpc/scripted_engine.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tiny_model.h"

namespace imprint::rpc {

class RpcTest : public ::testing::Test {
 protected:
  void SetUp() override {
    IMPRINT_ASSERT_OK_AND_ASSIGN(text_, text::TextModel::Load(testing::kTinyChatDir));
    IMPRINT_ASSERT_OK_AND_ASSIGN(
        store_, store::Store::Open({.path = folder_ / "db",
                                    .model_fingerprint = "m",
                                    .tokenizer_fingerprint = text_->fingerprint()}));
    IMPRINT_ASSERT_OK_AND_ASSIGN(log_,
                                 experience::ExperienceLog::Open(store_.get(), {}, Clock::Real()));
    IMPRINT_ASSERT_OK_AND_ASSIGN(
        versions_,
        version::VersionManager::Open(
            store_.get(), testing::RandomWeights(testing::TinyConfig(), 1),
            {.directory = folder_ / "versions", .model_fingerprint = "m"}, Clock::Real()));
    chat_ = std::make_unique<engine::Chat>(&engine_, text_.get());
    deps_.store = store_.get();
    deps_.log = log_.get();
    deps_.versions = versions_.get();
    deps_.engine = &engine_;
    deps_.chat = chat_.get();
    deps_.text = text_.get();
    deps_.events = &events_;
    deps_.quick = &quick_;
    deps_.slow = &slow_;
    deps_.clock = Clock::Real();
    deps_.limits.max_inject_bytes = 4096;
    deps_.limits.vocab_size = text_->tokenizer().vocab_size();
    deps_.limits.window = 256;
    deps_.query.max_outbox = 8;
    IMPRINT_ASSERT_OK_AND_ASSIGN(server_,
                                 Server::Start({.address = "127.0.0.1:0"}, &deps_, metrics_.rpc()));
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                   grpc::InsecureChannelCredentials());
    imprint_ = v1::ImprintService::NewStub(channel_);
    admin_ = v1::AdminService::NewStub(channel_);
  }

  void TearDown() override {
    events_.Close();
    if (server_ != nullptr) server_->Shutdown(absl::Now());
  }

  // Injects and waits for the answer.
  grpc::Status Inject(const v1::InjectContextRequest& request,
                      v1::InjectContextResponse* response) {
    grpc::ClientContext context;
    return imprint_->InjectContext(&context, request, response);
  }
  grpc::Status InjectText(const std::string& text) {
    v1::InjectContextRequest request;
    request.mutable_content()->set_text(text);
    v1::InjectContextResponse response;
    return Inject(request, &response);
  }

  static v1::QueryRequest Ask(const std::string& question) {
    v1::QueryRequest request;
    v1::ChatMessage& message = *request.add_messages();
    message.set_role("user");
    message.set_content(question);
    return request;
  }

  // One token that stands for a letter.
  int32_t LetterToken() const { return text_->EncodeContinuation("a").value().front(); }

  testing::TempDir folder_;
  metrics::Metrics metrics_;
  EventHub events_{Clock::Real(), 16};
  fakes::ScriptedEngine engine_;
  std::unique_ptr<text::TextModel> text_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<experience::ExperienceLog> log_;
  std::unique_ptr<version::VersionManager> versions_;
  std::unique_ptr<engine::Chat> chat_;
  WorkerPool quick_{WorkerPoolOptions{.threads = 2, .max_queue = 64}};
  WorkerPool slow_{WorkerPoolOptions{.threads = 1, .max_queue = 4}};
  ServiceDeps deps_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ImprintService::Stub> imprint_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_TESTS_RPC_RPC_TEST_BASE_H_
