// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fakes/http_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace imprint::fakes {
namespace {

// Appends what arrives next; false: the other side has hung up.
bool Receive(int connection, std::string& received) {
  char buffer[4096];
  const ssize_t count = ::recv(connection, buffer, sizeof(buffer), 0);
  if (count <= 0) return false;
  received.append(buffer, static_cast<size_t>(count));
  return true;
}

void Send(int connection, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

HttpRequest ParseHead(absl::string_view head) {
  HttpRequest request;
  for (const absl::string_view line : absl::StrSplit(head, "\r\n")) {
    if (request.line.empty()) {
      request.line = std::string(line);
      continue;
    }
    const std::pair<std::string, std::string> header =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    request.headers[absl::AsciiStrToLower(header.first)] = header.second;
  }
  return request;
}

}  // namespace

HttpServer::HttpServer(std::function<HttpReply(const HttpRequest&)> reply)
    : reply_(std::move(reply)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("no port on loopback");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

HttpServer::~HttpServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

std::string HttpServer::Url(absl::string_view path) const {
  return absl::StrCat("http://127.0.0.1:", port_, path);
}

std::vector<HttpRequest> HttpServer::requests() const {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

void HttpServer::Serve() {
  while (true) {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) return;
    Converse(connection);
    ::close(connection);
  }
}

void HttpServer::Converse(int connection) {
  constexpr absl::string_view kEndOfHead = "\r\n\r\n";
  std::string received;
  size_t head = 0;
  while ((head = received.find("\r\n\r\n")) == std::string::npos) {
    if (!Receive(connection, received)) return;
  }
  HttpRequest request = ParseHead(absl::string_view(received).substr(0, head));
  request.body = received.substr(head + kEndOfHead.size());
  size_t length = 0;
  if (!absl::SimpleAtoi(request.headers["content-length"], &length)) return;
  while (request.body.size() < length) {
    if (!Receive(connection, request.body)) return;
  }
  {
    absl::MutexLock lock(&mutex_);
    requests_.push_back(request);
  }
  const HttpReply reply = reply_(request);
  if (reply.never) {
    while (Receive(connection, request.body)) continue;
    return;
  }
  std::string text = absl::StrCat("HTTP/1.1 ", reply.status, " As Told\r\n");
  for (const std::string& header : reply.headers) absl::StrAppend(&text, header, "\r\n");
  absl::StrAppend(&text, "Content-Length: ", reply.body.size(), "\r\nConnection: close\r\n\r\n",
                  reply.body);
  Send(connection, text);
}

}  // namespace imprint::fakes
