// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the program arranges with the operating system before and around its work.

#ifndef IMPRINT_SERVER_PROCESS_H_
#define IMPRINT_SERVER_PROCESS_H_

namespace imprint {

// Starts the program again, once, with what two libraries read from the environment when they are
// loaded, before main. What somebody has set stays.
//
// OpenMP (OMP_WAIT_POLICY, GOMP_SPINCOUNT) is to spin only for some microseconds at its barriers
// before it sleeps. By default its threads spin for milliseconds, which collapses when cores are
// shared: a 33 microsecond product took 7 milliseconds on two busy cores. Sleeping at once
// costs the small products of a few rows half their speed.
//
// mimalloc (MIMALLOC_DECOMMIT_DELAY, milliseconds) is to give freed memory back to the system after
// two seconds. By default it does within 25 ms, and a training step, which frees and takes the
// same hundreds of megabytes again, spent a sixth of its time on pages given back too early.
void TuneLibraries(char** argv);

// SIGTERM and SIGINT as something to wait for. One object a program.
class ShutdownSignal {
 public:
  // From now on the first signal is caught. Before, signals end the program as usual:
  // the store is made for that.
  ShutdownSignal();

  // Blocks until a signal came; gives its number. From then on another one ends the
  // program at once.
  int Wait();
};

}  // namespace imprint

#endif  // IMPRINT_SERVER_PROCESS_H_
