// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A real HTTP server on loopback, whose answers are the test's.

#ifndef IMPRINT_TESTS_FAKES_HTTP_SERVER_H_
#define IMPRINT_TESTS_FAKES_HTTP_SERVER_H_

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace imprint::fakes {

struct HttpRequest {
  std::string line;                            // "POST /v1/chat/completions HTTP/1.1"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct HttpReply {
  int status = 200;
  std::string body = {};
  std::vector<std::string> headers = {};  // "Retry-After: 7"
  bool never = false;                     // nothing is sent; the client has to hang up
};

// Thread-safe. Owns one thread, which serves one connection after the other.
class HttpServer {
 public:
  // `reply` is called on the server's thread.
  explicit HttpServer(std::function<HttpReply(const HttpRequest&)> reply);
  ~HttpServer();

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const { return port_; }
  // "http://127.0.0.1:PORT" and `path`.
  std::string Url(absl::string_view path) const;
  // Those that were answered so far, or are being answered.
  std::vector<HttpRequest> requests() const;

 private:
  void Serve();
  void Converse(int connection);

  const std::function<HttpReply(const HttpRequest&)> reply_;
  int listener_ = -1;
  int port_ = 0;
  mutable absl::Mutex mutex_;
  std::vector<HttpRequest> requests_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace imprint::fakes

#endif  // IMPRINT_TESTS_FAKES_HTTP_SERVER_H_
