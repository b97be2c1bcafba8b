// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/options.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace imprint {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::variant<ServerOptions, ExitRequest> Parse(const std::vector<std::string>& flags) {
  std::vector<const char*> argv = {"imprintd"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

// With the two required flags before them.
std::variant<ServerOptions, ExitRequest> ParseWith(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"--model=m", "--data_dir=d"});
  return Parse(flags);
}

ServerOptions Good(std::vector<std::string> flags) {
  return std::get<ServerOptions>(ParseWith(std::move(flags)));
}

TEST(OptionsTest, DefaultsAreTheRooms) {
  const ServerOptions options = Good({});
  EXPECT_EQ(options.model, "m");
  EXPECT_EQ(options.data_dir, "d");
  EXPECT_EQ(options.listen.address, "127.0.0.1:50051");
  EXPECT_EQ(options.metrics_listen, "127.0.0.1:9464");
  EXPECT_EQ(options.limits.max_inject_bytes, 1048576);
  EXPECT_EQ(options.engine.max_running, engine::EngineOptions().max_running);
  EXPECT_EQ(options.scheduler.max_age, update::SchedulerOptions().max_age);
}

TEST(OptionsTest, FlagsReachTheirRooms) {
  const ServerOptions options = Good(
      {"--inject.max_bytes=5", "--update.max_age=1m30s", "--update.top_k=7", "--retention.top_k=9",
       "--gate.min_efficacy=-0.5", "--version.keep", "3",
       "--metrics_listen=", "--version.rollback_when_broken", "--serve.kv_tokens=100000000000"});
  EXPECT_EQ(options.limits.max_inject_bytes, 5);
  EXPECT_EQ(options.scheduler.max_age, absl::Seconds(90));
  EXPECT_EQ(options.generator.top_k, 7);
  EXPECT_EQ(options.retention.top_k, 9);
  EXPECT_DOUBLE_EQ(options.gate.min_efficacy, -0.5);
  EXPECT_EQ(options.version_keep, 3);
  EXPECT_EQ(options.metrics_listen, "");
  EXPECT_TRUE(options.version_rollback_when_broken);
  EXPECT_EQ(options.engine.kv_tokens, 100000000000);
}

TEST(OptionsTest, BadFlagsAreNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--no_such_flag=1", "--no_such_flag"},
      {"stray", "stray"},
      {"--threads=abc", "--threads"},
      {"--update.stuck_after=0s", "--update.stuck_after"},
      {"--threads=-1", "--threads"},
      {"--threads=", "--threads"},
      {"--update.max_age=", "--update.max_age"},
      {"--dtype=int4", "--dtype"},
      {"--log_format=xml", "--log_format"},
      {"--update.max_age=fast", "--update.max_age"},
      {"--update.max_age=-5s", "--update.max_age"},
      {"--update.compute_share=1.5", "--update.compute_share"},
      {"--generator.kinds=passage,poem", "--generator.kinds"},
      {"--generator.endpoint=models.example", "--generator.endpoint"},
      {"--generator.endpoint=https://models.example", "--generator.endpoint_model"},
      {"--generator.endpoint_model=m", "--generator.endpoint"},
      {"--generator.endpoint_timeout=soon", "--generator.endpoint_timeout"},
      {"--update.objective=please", "--update.objective"},
      {"--tls_cert=a.pem", "--tls_key"},
      {"--listen=", "--listen"},
  };
  for (const auto& [flag, named] : cases) {
    const auto parsed = ParseWith({flag});
    ASSERT_TRUE(std::holds_alternative<ExitRequest>(parsed)) << flag;
    EXPECT_EQ(std::get<ExitRequest>(parsed).code, 2) << flag;
    EXPECT_THAT(std::get<ExitRequest>(parsed).message, HasSubstr(named)) << flag;
  }
}

TEST(OptionsTest, EmptyValueDoesNotTakeTheNextFlag) {
  const ServerOptions options = Good({"--metrics_listen=", "--threads=3"});
  EXPECT_EQ(options.metrics_listen, "");
  EXPECT_EQ(options.threads, 3);
}

TEST(OptionsTest, ModelAndDataFolderAreRequired) {
  EXPECT_THAT(std::get<ExitRequest>(Parse({"--data_dir=d"})).message, HasSubstr("--model"));
  EXPECT_THAT(std::get<ExitRequest>(Parse({"--model=m"})).message, HasSubstr("--data_dir"));
}

TEST(OptionsTest, AddressesBeyondThisMachineNeedTlsOrConsent) {
  for (const char* flag :
       {"--listen=0.0.0.0:50051", "--admin_listen=[::]:50052", "--metrics_listen=0.0.0.0:9464"}) {
    const auto refused = ParseWith({flag});
    ASSERT_TRUE(std::holds_alternative<ExitRequest>(refused)) << flag;
    EXPECT_EQ(std::get<ExitRequest>(refused).code, 2);
    EXPECT_THAT(std::get<ExitRequest>(refused).message, HasSubstr("--allow_insecure_listen"));
    EXPECT_TRUE(std::holds_alternative<ServerOptions>(ParseWith({flag, "--allow_insecure_listen"})))
        << flag;
  }
  EXPECT_TRUE(std::holds_alternative<ServerOptions>(
      ParseWith({"--listen=0.0.0.0:50051", "--tls_cert=c.pem", "--tls_key=k.pem"})));
}

// Consent to open metrics was consent to a port without TLS, should its certificate be left out.
TEST(OptionsTest, ConsentToOpenMetricsIsForMetricsAlone) {
  const char* consent = "--allow_insecure_metrics_listen";
  EXPECT_TRUE(
      std::holds_alternative<ServerOptions>(ParseWith({"--metrics_listen=0.0.0.0:9464", consent})));
  for (const char* flag : {"--listen=0.0.0.0:50051", "--admin_listen=[::]:50052"}) {
    const auto refused = ParseWith({flag, consent});
    ASSERT_TRUE(std::holds_alternative<ExitRequest>(refused)) << flag;
    EXPECT_THAT(std::get<ExitRequest>(refused).message, HasSubstr("--tls_cert"));
  }
}

TEST(OptionsTest, TheLargestExperienceMustFitIntoWhatCallsMayHold) {
  for (const char* wrong : {"--serve.max_call_bytes=1048576", "--inject.max_bytes=1000000000"}) {
    const auto refused = ParseWith({wrong});
    ASSERT_TRUE(std::holds_alternative<ExitRequest>(refused)) << wrong;
    EXPECT_THAT(std::get<ExitRequest>(refused).message, HasSubstr("--serve.max_call_bytes"));
  }
  Good({"--inject.max_bytes=1000000000", "--serve.max_call_bytes=1100000000"});
}

TEST(OptionsTest, SaysWhoMayCall) {
  EXPECT_TRUE(Good({}).tokens_file.empty());
  EXPECT_EQ(Good({}).forget_scope, Scope::kAdmin);
  const ServerOptions options = Good({"--auth.tokens_file=t", "--auth.forget_scope=inject"});
  EXPECT_EQ(options.tokens_file, "t");
  EXPECT_EQ(options.forget_scope, Scope::kInject);
  for (const char* wrong : {"--auth.forget_scope=query", "--auth.forget_scope=inject",
                            "--auth.tokens_file=", "--tls_client_ca=c.pem"}) {
    EXPECT_TRUE(std::holds_alternative<ExitRequest>(ParseWith({wrong}))) << wrong;
  }
}

TEST(OptionsTest, EndpointsBeyondThisMachineNeedTlsOrConsent) {
  const std::vector<std::string> flags = {"--generator.endpoint=http://models.example/v1",
                                          "--generator.endpoint_model=m"};
  const auto refused = ParseWith(flags);
  ASSERT_TRUE(std::holds_alternative<ExitRequest>(refused));
  EXPECT_EQ(std::get<ExitRequest>(refused).code, 2);
  EXPECT_THAT(std::get<ExitRequest>(refused).message, HasSubstr("--generator.endpoint_insecure"));

  std::vector<std::string> allowed = flags;
  allowed.push_back("--generator.endpoint_insecure");
  EXPECT_TRUE(std::holds_alternative<ServerOptions>(ParseWith(allowed)));
}

TEST(OptionsTest, NoTextLeavesTheMachineUnlessTold) {
  EXPECT_EQ(Good({}).remote.endpoint, "");
  const ServerOptions options =
      Good({"--generator.endpoint=https://models.example/v1", "--generator.endpoint_model=m",
            "--generator.endpoint_key_file=k", "--generator.endpoint_ca=c",
            "--generator.endpoint_timeout=7s"});
  EXPECT_EQ(options.remote.endpoint, "https://models.example/v1");
  EXPECT_EQ(options.remote.model, "m");
  EXPECT_EQ(options.remote.key_file, "k");
  EXPECT_EQ(options.remote.ca_file, "c");
  EXPECT_EQ(options.remote.timeout, absl::Seconds(7));
}

TEST(OptionsTest, HelpListsEveryFlagUnderAHeading) {
  const auto help = std::get<ExitRequest>(Parse({"--help"}));
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.message,
              AllOf(HasSubstr("--model"), HasSubstr("--inject.max_bytes"), HasSubstr("1048576"),
                    HasSubstr("--gate.max_retention_kl"), HasSubstr("Updating")));
}

TEST(OptionsTest, VersionIsTheRelease) {
  const auto version = std::get<ExitRequest>(Parse({"--version"}));
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.message, MatchesRegex("imprintd [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

}  // namespace
}  // namespace imprint
