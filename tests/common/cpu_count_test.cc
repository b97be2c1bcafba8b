// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/cpu_count.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/testing/temp_dir.h"

namespace imprint {
namespace {

class CpuCountTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = temp_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  int Quota() const { return CpuQuota(temp_ / "self", temp_ / "groups"); }

  const testing::TempDir temp_;
};

TEST_F(CpuCountTest, QuotaIsTheLeastOfTheGroupsItIsIn) {
  Write("self", "0::/pods/server\n");
  EXPECT_EQ(Quota(), 0) << "without files";
  Write("groups/pods/server/cpu.max", "max 100000\n");
  EXPECT_EQ(Quota(), 0) << "without a limit";
  Write("groups/pods/server/cpu.max", "400000 100000\n");
  EXPECT_EQ(Quota(), 4);
  Write("groups/pods/cpu.max", "250000 100000\n");
  EXPECT_EQ(Quota(), 2) << "whole ones";
  Write("groups/cpu.max", "50000 100000\n");
  EXPECT_EQ(Quota(), 1) << "at least one";
}

TEST_F(CpuCountTest, GroupThatAContainerSeesAsTheMount) {
  Write("self", "0::/kubepods/pod7/3f2a\n");
  Write("groups/cpu.max", "300000 100000\n");
  EXPECT_EQ(Quota(), 3);
}

TEST_F(CpuCountTest, FirstVersionOfGroups) {
  Write("self", "5:memory:/a\n4:cpu,cpuacct:/a\n");
  Write("groups/cpu/a/cpu.cfs_quota_us", "-1\n");
  Write("groups/cpu/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Quota(), 0);
  Write("groups/cpu/a/cpu.cfs_quota_us", "600000\n");
  EXPECT_EQ(Quota(), 6);
}

TEST_F(CpuCountTest, WhatIsNoQuotaIsNone) {
  EXPECT_EQ(Quota(), 0) << "no file";
  Write("self", "nonsense\n\n0::/a\n");
  Write("groups/a/cpu.max", "many few\n");
  EXPECT_EQ(Quota(), 0);
}

TEST_F(CpuCountTest, AffinityCounts) {
  EXPECT_GE(UsableCpus(), 1);
  EXPECT_LE(UsableCpus(), static_cast<int>(std::thread::hardware_concurrency()));
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(UsableCpus(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

}  // namespace
}  // namespace imprint
