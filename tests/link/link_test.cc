// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Everything that the server links, in one program, used once: libtorch carries a protobuf
// and an fmt of its own, and where the wrong one is found, this crashes before the server
// does.

#include <ATen/ATen.h>
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>
#include <link.h>
#include <netinet/in.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/registry.h>
#include <rocksdb/db.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "imprint/v1/admin_service.grpc.pb.h"
#include "imprint/v1/imprint_service.grpc.pb.h"
#include "server/http/client.h"
#include "server/text/chat_template.h"

namespace imprint {
namespace {

using ::testing::HasSubstr;

// The shared libraries of this process, in the order in which symbols are looked up.
std::vector<std::string> LoadedLibraries() {
  std::vector<std::string> libraries;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        static_cast<std::vector<std::string>*>(data)->emplace_back(info->dlpi_name);
        return 0;
      },
      &libraries);
  return libraries;
}

size_t PositionOf(const std::vector<std::string>& libraries, const std::string& name) {
  for (size_t i = 0; i < libraries.size(); ++i) {
    if (libraries[i].find(name) != std::string::npos) return i;
  }
  ADD_FAILURE() << name << " is not loaded";
  return 0;
}

class StatusService final : public v1::AdminService::CallbackService {
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* /*request*/,
                                      v1::GetStatusResponse* response) override {
    response->set_version(7);
    response->set_model("a model");
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

TEST(LinkTest, ProtobufComesBeforeTorch) {
  const std::vector<std::string> libraries = LoadedLibraries();

  EXPECT_LT(PositionOf(libraries, "libprotobuf.so"), PositionOf(libraries, "libtorch_cpu.so"));
}

TEST(LinkTest, TorchMultipliesAndDifferentiates) {
  const at::Tensor a_MK = at::ones({2, 3}, at::TensorOptions().device(at::kCPU).dtype(at::kFloat));
  const at::Tensor b_KM = a_MK.t().clone().set_requires_grad(true);

  const at::Tensor sum = at::matmul(a_MK, b_KM).sum();
  sum.backward();

  EXPECT_EQ(sum.item<float>(), 12.0F);
  EXPECT_EQ(b_KM.grad().sum().item<float>(), 12.0F);
}

TEST(LinkTest, TorchThrowsAndTheErrorIsCaught) {
  const auto options = at::TensorOptions().device(at::kCPU);

  EXPECT_THROW(at::matmul(at::ones({2, 3}, options), at::ones({2, 3}, options)), c10::Error);
}

TEST(LinkTest, MessagesGoThroughBytesAndJson) {
  google::rpc::ErrorInfo info;
  info.set_reason("TOO_LARGE");
  (*info.mutable_metadata())["limit"] = "1";
  google::rpc::Status status;
  status.set_message("experience is too large");
  status.add_details()->PackFrom(info);

  google::rpc::Status read;
  ASSERT_TRUE(read.ParseFromString(status.SerializeAsString()));
  google::rpc::ErrorInfo unpacked;
  ASSERT_TRUE(read.details(0).UnpackTo(&unpacked));
  EXPECT_EQ(unpacked.metadata().at("limit"), "1");
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(read, &json).ok());
  EXPECT_THAT(json, HasSubstr("TOO_LARGE"));
}

TEST(LinkTest, GrpcServesWithReflectionAndHealth) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  StatusService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);

  const auto stub = v1::AdminService::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  const grpc::Status status = stub->GetStatus(&context, {}, &response);

  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.version(), 7);
  EXPECT_EQ(response.model(), "a model");
  server->Shutdown();
}

TEST(LinkTest, RocksDbKeepsWhatWasSynced) {
  std::string dir = (std::filesystem::temp_directory_path() / "imprint-link-XXXXXX").string();
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::WriteOptions synced;
  synced.sync = true;
  for (const bool first : {true, false}) {
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status opened = rocksdb::DB::Open(options, dir, &raw);
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    const std::unique_ptr<rocksdb::DB> db(raw);
    if (first) {
      ASSERT_TRUE(db->Put(synced, "key", "value").ok());
    } else {
      std::string value;
      ASSERT_TRUE(db->Get({}, "key", &value).ok());
      EXPECT_EQ(value, "value");
    }
  }
  std::filesystem::remove_all(dir);
}

TEST(LinkTest, PrometheusAnswersOnLoopback) {
  prometheus::Exposer exposer("127.0.0.1:0");
  const auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter().Name("link_total").Register(*registry).Add({}).Increment(2);
  exposer.RegisterCollectable(registry);

  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(socket_fd, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(exposer.GetListeningPorts().at(0)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  ASSERT_EQ(write(socket_fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(socket_fd, buffer, sizeof buffer)) > 0;) {
    answer.append(buffer, static_cast<size_t>(n));
  }
  close(socket_fd);

  EXPECT_THAT(answer, HasSubstr("link_total 2"));
}

TEST(LinkTest, CurlAsksOnLoopback) {
  prometheus::Exposer exposer("127.0.0.1:0");
  const std::string url =
      absl::StrCat("http://127.0.0.1:", exposer.GetListeningPorts().at(0), "/nothing");

  const auto response = http::Client({}).PostJson(url, "{}", [] { return false; });

  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_GE(response->status, 400) << "there is nothing that takes a post";
}

TEST(LinkTest, RustRendersAndReportsErrors) {
  const auto good = text::ChatTemplate::FromSource("{{ messages[0].content }}", {}, "good");
  const auto bad = text::ChatTemplate::FromSource("{% if %}", {}, "bad");

  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ((*good)->Render({{.role = "user", .content = "h\u00E9"}}, false).value(), "h\u00E9");
  EXPECT_FALSE(bad.ok());
}

TEST(LinkTest, LogsAreFormatted) {
  EXPECT_NO_THROW(spdlog::info("{} with libtorch's fmt beside ours: {:.2f}", "logging", 1.5));
}

}  // namespace
}  // namespace imprint
