// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/service_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint {
namespace {

using testing::HasCode;

class ServiceManagerTest : public ::testing::Test {
 protected:
  ~ServiceManagerTest() override {
    ::unsetenv("NOTIFY_SOCKET");
    if (fd_ >= 0) ::close(fd_);
  }

  // Listens there, as the service manager does.
  void Listen(const std::string& name) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    ASSERT_LT(name.size(), sizeof(address.sun_path));
    name.copy(address.sun_path, name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), /*overwrite=*/1);
  }

  std::string Heard() const {
    char text[100];
    const ssize_t size = ::recv(fd_, text, sizeof(text), 0);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }

  testing::TempDir dir_;
  int fd_ = -1;
};

TEST_F(ServiceManagerTest, HearsOfEachState) {
  Listen((dir_ / "notify").string());
  IMPRINT_EXPECT_OK(TellServiceManager(kServiceReady));
  EXPECT_EQ(Heard(), "READY=1");
  IMPRINT_EXPECT_OK(TellServiceManager(kServiceStopping));
  EXPECT_EQ(Heard(), "STOPPING=1");
}

TEST_F(ServiceManagerTest, MayHaveASocketWithoutAFile) {
  Listen(absl::StrCat("@imprint-test-", ::getpid()));
  IMPRINT_EXPECT_OK(TellServiceManager(kServiceReady));
  EXPECT_EQ(Heard(), "READY=1");
}

TEST_F(ServiceManagerTest, IsNotNeeded) {
  IMPRINT_EXPECT_OK(TellServiceManager(kServiceReady));
  ::setenv("NOTIFY_SOCKET", "", 1);
  IMPRINT_EXPECT_OK(TellServiceManager(kServiceReady));
}

TEST_F(ServiceManagerTest, OneThatIsNotThereIsAnError) {
  ::setenv("NOTIFY_SOCKET", (dir_ / "none").c_str(), 1);
  EXPECT_THAT(TellServiceManager(kServiceReady), HasCode(absl::StatusCode::kUnavailable));
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  EXPECT_THAT(TellServiceManager(kServiceReady), HasCode(absl::StatusCode::kInvalidArgument));
  ::setenv("NOTIFY_SOCKET", absl::StrCat("/", std::string(200, 'x')).c_str(), 1);
  EXPECT_THAT(TellServiceManager(kServiceReady), HasCode(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace imprint
