// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <system_error>

namespace imprint {
namespace {

constexpr std::initializer_list<int> kShutdownSignals = {SIGTERM, SIGINT};

// The handler may only write; a thread reads at the other end.
int signal_pipe[2] = {-1, -1};

void OnSignal(int signal) {
  const int saved_errno = errno;
  const unsigned char number = static_cast<unsigned char>(signal);
  // A full pipe already says what this one would.
  [[maybe_unused]] const ssize_t written = write(signal_pipe[1], &number, 1);
  errno = saved_errno;
}

void SetAction(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

bool IsSet(const char* variable) { return std::getenv(variable) != nullptr; }

}  // namespace

void TuneLibraries(char** argv) {
  const bool is_openmp_set = IsSet("OMP_WAIT_POLICY") || IsSet("GOMP_SPINCOUNT");
  const bool is_mimalloc_set = IsSet("MIMALLOC_DECOMMIT_DELAY");
  if (is_openmp_set && is_mimalloc_set) return;
  if (!is_openmp_set) setenv("GOMP_SPINCOUNT", "20000", /*overwrite=*/1);
  if (!is_mimalloc_set) setenv("MIMALLOC_DECOMMIT_DELAY", "2000", /*overwrite=*/1);
  // By its own path, so that the process keeps its name; by the link where that is gone.
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) execv(program.c_str(), argv);
  execv("/proc/self/exe", argv);
  // Neither worked: the program runs all the same, only slower on busy cores.
}

ShutdownSignal::ShutdownSignal() {
  if (pipe2(signal_pipe, O_CLOEXEC) != 0) std::abort();  // not one file can be opened
  SetAction(SIGPIPE, SIG_IGN);
  for (int signal : kShutdownSignals) SetAction(signal, OnSignal);
}

int ShutdownSignal::Wait() {
  unsigned char number = 0;
  while (read(signal_pipe[0], &number, 1) < 0 && errno == EINTR) {
  }
  for (int signal : kShutdownSignals) SetAction(signal, SIG_DFL);
  return number;
}

}  // namespace imprint
