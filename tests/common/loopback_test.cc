// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/loopback.h"

#include <gtest/gtest.h>

namespace imprint {
namespace {

TEST(LoopbackTest, LoopbackIsThisMachineAlone) {
  for (const char* host : {"localhost", "127.0.0.1", "127.8.9.1", "[::1]"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host : {"", "0.0.0.0", "10.0.0.1", "127.0.0.1.example", "localhost.example",
                           "128.0.0.1", "[::]", "models.example"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(LoopbackTest, AnAddressIsThisMachineAlone) {
  for (const char* address :
       {"127.0.0.1:1", "127.3.4.5:1", "localhost:1", "[::1]:1", "unix:/tmp/s", "unix:s"}) {
    EXPECT_TRUE(IsThisMachine(address)) << address;
  }
  for (const char* address : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", ":1", "*:1",
                              "127.0.0.1.example.org:1", "localhost.example.org:1"}) {
    EXPECT_FALSE(IsThisMachine(address)) << address;
  }
}

}  // namespace
}  // namespace imprint
