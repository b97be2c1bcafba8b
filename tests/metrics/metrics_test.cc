// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/metrics.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace imprint::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Declared {
  std::string name;
  std::string type;
};

// The "# TYPE name type" lines of an exposition.
std::vector<Declared> DeclaredMetrics(const std::string& text) {
  std::vector<Declared> declared;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, "# TYPE ")) continue;
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    declared.push_back({words.at(2), words.at(3)});
  }
  return declared;
}

std::string Get(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request =
        absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    char buffer[4096];
    for (ssize_t got; (got = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(got));
    }
  }
  close(fd);
  return answer;
}

TEST(MetricsTest, NamesFollowPrometheusConventions) {
  Metrics metrics;
  const std::vector<Declared> declared = DeclaredMetrics(metrics.Text());
  EXPECT_GE(declared.size(), 28u);
  std::set<std::string> names;
  for (const Declared& metric : declared) {
    EXPECT_TRUE(absl::StartsWith(metric.name, "imprint_")) << metric.name;
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name << " is declared twice";
    EXPECT_TRUE(std::all_of(metric.name.begin(), metric.name.end(), [](char c) {
      return absl::ascii_islower(static_cast<unsigned char>(c)) || c == '_' ||
             absl::ascii_isdigit(static_cast<unsigned char>(c));
    })) << metric.name;
    EXPECT_EQ(absl::EndsWith(metric.name, "_total"), metric.type == "counter")
        << metric.name << " is a " << metric.type;
    for (absl::string_view unit : {"_ms", "_milliseconds", "_percent", "_kb", "_mb", "_minutes"}) {
      EXPECT_FALSE(absl::EndsWith(metric.name, unit)) << metric.name << " is not in a base unit";
    }
  }
}

TEST(MetricsTest, EveryMetricHasHelp) {
  Metrics metrics;
  const std::string text = metrics.Text();
  for (const Declared& metric : DeclaredMetrics(text)) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("# HELP ", metric.name, " "))) << metric.name;
  }
}

TEST(MetricsTest, ShowsZeroBeforeAnythingHappened) {
  Metrics metrics;
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("imprint_jobs_total{result=\"committed\"} 0"));
  EXPECT_THAT(text, HasSubstr("imprint_jobs_rejected_total{reason=\"nan\"} 0"));
  EXPECT_THAT(text, HasSubstr("imprint_generator_remote_requests_total{result=\"ok\"} 0"));
  EXPECT_THAT(text, HasSubstr("imprint_generator_remote_exchanges_total{result=\"dropped\"} 0"));
  EXPECT_THAT(text, HasSubstr("imprint_live_version 0"));
}

TEST(MetricsTest, HandlesChangeWhatIsShown) {
  Metrics metrics;
  metrics.engine()->output_tokens->Increment(42);
  metrics.update()->jobs.at("committed")->Increment();
  metrics.update()->live_version->Set(7);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("imprint_output_tokens_total 42"));
  EXPECT_THAT(text, HasSubstr("imprint_jobs_total{result=\"committed\"} 1"));
  EXPECT_THAT(text, HasSubstr("imprint_live_version 7"));
}

TEST(MetricsTest, CountsCallsByMethodAndCode) {
  Metrics metrics;
  const std::shared_ptr<CallMetrics> score = metrics.rpc()->calls_of("Score");
  const std::shared_ptr<CallMetrics> query = metrics.rpc()->calls_of("Query");
  query->Record(absl::StatusCode::kOk, 0.2);
  query->Record(absl::StatusCode::kNotFound, 0.001);
  metrics.rpc()->calls_of("Query")->Record(absl::StatusCode::kOk, 0.3);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("imprint_rpc_requests_total{code=\"OK\",method=\"Query\"} 2"));
  EXPECT_THAT(text, HasSubstr("imprint_rpc_requests_total{code=\"NOT_FOUND\",method=\"Query\"} 1"));
  EXPECT_THAT(text, HasSubstr("imprint_rpc_requests_total{code=\"OK\",method=\"Score\"} 0"));
  EXPECT_THAT(text, HasSubstr("imprint_rpc_duration_seconds_count{method=\"Query\"} 3"));
}

TEST(MetricsTest, CallbacksAreReadAtEachScrapeUntilRemoved) {
  Metrics metrics;
  double waiting = 3;
  metrics.AddCallbackGauge("imprint_experiences", "By state.", {{"state", "queued"}},
                           [&] { return waiting; });
  metrics.AddCallbackGauge("imprint_experiences", "By state.", {{"state", "held"}},
                           [] { return 9.0; });
  EXPECT_THAT(metrics.Text(), HasSubstr("imprint_experiences{state=\"queued\"} 3"));
  waiting = 4;
  EXPECT_THAT(metrics.Text(), HasSubstr("imprint_experiences{state=\"queued\"} 4"));
  EXPECT_THAT(metrics.Text(), HasSubstr("imprint_experiences{state=\"held\"} 9"));
  metrics.RemoveCallbacks();
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("imprint_experiences")));
}

TEST(MetricsTest, ShowsTheProcess) {
  Metrics metrics;
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("# TYPE imprint_process_cpu_seconds_total counter"));
  EXPECT_THAT(text, Not(HasSubstr("imprint_process_resident_memory_bytes 0\n")));
  EXPECT_THAT(text, Not(HasSubstr("imprint_process_open_files 0\n")));
}

TEST(MetricsTest, ServesOverHttp) {
  Metrics metrics;
  metrics.update()->live_version->Set(5);
  absl::StatusOr<int> port = metrics.Listen("127.0.0.1:0");
  ASSERT_TRUE(port.ok()) << port.status();
  ASSERT_GT(*port, 0);
  const std::string answer = Get(*port, "/metrics");
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  EXPECT_THAT(answer, HasSubstr("imprint_live_version 5"));
  EXPECT_THAT(answer, HasSubstr("imprint_process_open_files "));
}

TEST(MetricsTest, TakenPortIsNamed) {
  Metrics first;
  Metrics second;
  absl::StatusOr<int> port = first.Listen("127.0.0.1:0");
  ASSERT_TRUE(port.ok()) << port.status();
  const std::string address = absl::StrCat("127.0.0.1:", *port);
  absl::StatusOr<int> taken = second.Listen(address);
  EXPECT_EQ(taken.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(taken.status().message()), HasSubstr(address));
}

}  // namespace
}  // namespace imprint::metrics
