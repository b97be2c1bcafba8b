// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Shows absl's locks to the thread sanitizer.
//
// The system's libabsl_synchronization is not instrumented: without this every word that a mutex
// guards looks like a race. The functions of the library are defined here once more, in the
// program, where the linker finds them first; each calls the library's own, and says what happens
// before what. Readers of one lock are ordered too, which hides a race among readers alone.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <string>

#include "absl/base/config.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

#define IMPRINT_TEXT(x) #x
#define IMPRINT_TEXT_OF(x) IMPRINT_TEXT(x)

namespace {

// The library's function by its mangled name: `kind`, absl's namespaces, `rest`.
template <typename Function>
Function Find(const char* kind, const char* rest) {
  const std::string inner = IMPRINT_TEXT_OF(ABSL_OPTION_INLINE_NAMESPACE_NAME);
  const std::string name =
      kind + std::string("4absl") + std::to_string(inner.size()) + inner + rest;
  void* const found = dlsym(RTLD_NEXT, name.c_str());
  if (found == nullptr) __builtin_trap();  // another absl than this was written for
  return reinterpret_cast<Function>(found);
}
template <typename Function>
Function Real(const char* rest) {
  return Find<Function>("_ZN", rest);
}
template <typename Function>
Function RealConst(const char* rest) {
  return Find<Function>("_ZNK", rest);
}

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

// Takes the lock.
#define IMPRINT_LOCKS(method, mangled)                                      \
  void Mutex::method() {                                                    \
    static const auto real = Real<void (*)(Mutex*)>("5Mutex" mangled "Ev"); \
    real(this);                                                             \
    __tsan_acquire(this);                                                   \
  }
#define IMPRINT_TRIES(method, mangled)                                      \
  bool Mutex::method() {                                                    \
    static const auto real = Real<bool (*)(Mutex*)>("5Mutex" mangled "Ev"); \
    const bool locked = real(this);                                         \
    if (locked) __tsan_acquire(this);                                       \
    return locked;                                                          \
  }
#define IMPRINT_UNLOCKS(method, mangled)                                    \
  void Mutex::method() {                                                    \
    static const auto real = Real<void (*)(Mutex*)>("5Mutex" mangled "Ev"); \
    __tsan_release(this);                                                   \
    real(this);                                                             \
  }
// What a condition looks at is looked at by whoever holds the lock.
#define IMPRINT_WHEN(result, method, mangled, parameter, argument, code)           \
  result Mutex::method(const Condition& condition parameter) {                     \
    static const auto real = Real<result (*)(Mutex*, const Condition& parameter)>( \
        "5Mutex" mangled "ERKNS0_9ConditionE" code);                               \
    __tsan_release(this);                                                          \
    struct Acquire {                                                               \
      Mutex* mutex;                                                                \
      ~Acquire() { __tsan_acquire(mutex); }                                        \
    } const acquire{this};                                                         \
    return real(this, condition argument);                                         \
  }
#define IMPRINT_COMMA ,

IMPRINT_LOCKS(Lock, "4Lock")
IMPRINT_LOCKS(ReaderLock, "10ReaderLock")
IMPRINT_TRIES(TryLock, "7TryLock")
IMPRINT_TRIES(ReaderTryLock, "13ReaderTryLock")
IMPRINT_UNLOCKS(Unlock, "6Unlock")
IMPRINT_UNLOCKS(ReaderUnlock, "12ReaderUnlock")
IMPRINT_WHEN(void, Await, "5Await", , , "")
IMPRINT_WHEN(void, LockWhen, "8LockWhen", , , "")
IMPRINT_WHEN(void, ReaderLockWhen, "14ReaderLockWhen", , , "")
IMPRINT_WHEN(bool, AwaitWithTimeout, "16AwaitWithTimeout", IMPRINT_COMMA Duration timeout,
             IMPRINT_COMMA timeout, "NS0_8DurationE")
IMPRINT_WHEN(bool, AwaitWithDeadline, "17AwaitWithDeadline", IMPRINT_COMMA Time deadline,
             IMPRINT_COMMA deadline, "NS0_4TimeE")
IMPRINT_WHEN(bool, LockWhenWithTimeout, "19LockWhenWithTimeout", IMPRINT_COMMA Duration timeout,
             IMPRINT_COMMA timeout, "NS0_8DurationE")
IMPRINT_WHEN(bool, LockWhenWithDeadline, "20LockWhenWithDeadline", IMPRINT_COMMA Time deadline,
             IMPRINT_COMMA deadline, "NS0_4TimeE")

void CondVar::Wait(Mutex* mutex) {
  static const auto real = Real<void (*)(CondVar*, Mutex*)>("7CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  real(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto real = Real<bool (*)(CondVar*, Mutex*, Duration)>(
      "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool timed_out = real(this, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto real =
      Real<bool (*)(CondVar*, Mutex*, Time)>("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool timed_out = real(this, mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

// HasBeenNotified() reads, in the header, the word behind the mutex; its loads acquire that.
void Notification::Notify() {
  static const auto real = Real<void (*)(Notification*)>("12Notification6NotifyEv");
  __tsan_release(reinterpret_cast<char*>(this) + sizeof(Mutex));
  real(this);
}

void Notification::WaitForNotification() const {
  static const auto real =
      RealConst<void (*)(const Notification*)>("12Notification19WaitForNotificationEv");
  real(this);
  __tsan_acquire(reinterpret_cast<char*>(const_cast<Notification*>(this)) + sizeof(Mutex));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static const auto real = RealConst<bool (*)(const Notification*, Duration)>(
      "12Notification30WaitForNotificationWithTimeoutENS0_8DurationE");
  const bool notified = real(this, timeout);
  if (notified) {
    __tsan_acquire(reinterpret_cast<char*>(const_cast<Notification*>(this)) + sizeof(Mutex));
  }
  return notified;
}

ABSL_NAMESPACE_END
}  // namespace absl
