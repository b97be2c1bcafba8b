// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Shows absl's locks to the thread sanitizer.
//
// The system's libabsl_synchronization is not instrumented: without this every word that a mutex
// guards looks like a race. The functions of the library are defined here once more, in the
// program, where the linker finds them first; each calls the library's own, and says what happens
// before what: a writer comes after all who had the lock, a reader after writers alone.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <string>

#include "absl/base/config.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

// Exported by the runtime, and in no header of it.
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

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

// What writers, and what readers of a mutex have left behind: two places in its word.
void* Written(const absl::Mutex* mutex) { return const_cast<absl::Mutex*>(mutex); }
void* Read(const absl::Mutex* mutex) { return static_cast<char*>(Written(mutex)) + 1; }

void BeWriter(const absl::Mutex* mutex) {
  __tsan_acquire(Written(mutex));
  __tsan_acquire(Read(mutex));
}
// Of a mutex that is had in either way.
void LetGo(const absl::Mutex* mutex) {
  __tsan_release(Written(mutex));
  __tsan_release(Read(mutex));
}

// A call of the library. Within it the conditions of all who wait are asked, while the lock is held
// and the sanitizer cannot be told so: what they read is left out.
class Call {
 public:
  Call() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~Call() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
};

// In a scope: the lock is a writer's at its end.
class BecomesWriter {
 public:
  explicit BecomesWriter(const absl::Mutex* mutex) : mutex_(mutex) {}
  ~BecomesWriter() { BeWriter(mutex_); }
  BecomesWriter(const BecomesWriter&) = delete;
  BecomesWriter& operator=(const BecomesWriter&) = delete;

 private:
  const absl::Mutex* const mutex_;
};

// The word that Notification::HasBeenNotified reads in the header; its loads acquire that.
void* WordOf(const absl::Notification* notification) {
  return reinterpret_cast<char*>(const_cast<absl::Notification*>(notification)) +
         sizeof(absl::Mutex);
}

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static const auto real = Real<void (*)(Mutex*)>("5Mutex4LockEv");
  const BecomesWriter writer(this);
  const Call call;
  real(this);
}

void Mutex::ReaderLock() {
  static const auto real = Real<void (*)(Mutex*)>("5Mutex10ReaderLockEv");
  {
    const Call call;
    real(this);
  }
  __tsan_acquire(Written(this));
}

bool Mutex::TryLock() {
  static const auto real = Real<bool (*)(Mutex*)>("5Mutex7TryLockEv");
  const bool locked = real(this);
  if (locked) BeWriter(this);
  return locked;
}

bool Mutex::ReaderTryLock() {
  static const auto real = Real<bool (*)(Mutex*)>("5Mutex13ReaderTryLockEv");
  const bool locked = real(this);
  if (locked) __tsan_acquire(Written(this));
  return locked;
}

void Mutex::Unlock() {
  static const auto real = Real<void (*)(Mutex*)>("5Mutex6UnlockEv");
  __tsan_release(Written(this));
  const Call call;
  real(this);
}

void Mutex::ReaderUnlock() {
  static const auto real = Real<void (*)(Mutex*)>("5Mutex12ReaderUnlockEv");
  __tsan_release(Read(this));
  const Call call;
  real(this);
}

void Mutex::Await(const Condition& condition) {
  static const auto real =
      Real<void (*)(Mutex*, const Condition&)>("5Mutex5AwaitERKNS0_9ConditionE");
  LetGo(this);
  const BecomesWriter writer(this);
  const Call call;
  real(this, condition);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Duration)>(
      "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  LetGo(this);
  const BecomesWriter writer(this);
  const Call call;
  return real(this, condition, timeout);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Time)>(
      "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  LetGo(this);
  const BecomesWriter writer(this);
  const Call call;
  return real(this, condition, deadline);
}

void Mutex::LockWhen(const Condition& condition) {
  static const auto real =
      Real<void (*)(Mutex*, const Condition&)>("5Mutex8LockWhenERKNS0_9ConditionE");
  const BecomesWriter writer(this);
  const Call call;
  real(this, condition);
}

void Mutex::ReaderLockWhen(const Condition& condition) {
  static const auto real =
      Real<void (*)(Mutex*, const Condition&)>("5Mutex14ReaderLockWhenERKNS0_9ConditionE");
  {
    const Call call;
    real(this, condition);
  }
  __tsan_acquire(Written(this));
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Duration)>(
      "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  const BecomesWriter writer(this);
  const Call call;
  return real(this, condition, timeout);
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Time)>(
      "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  const BecomesWriter writer(this);
  const Call call;
  return real(this, condition, deadline);
}

void CondVar::Wait(Mutex* mutex) {
  static const auto real = Real<void (*)(CondVar*, Mutex*)>("7CondVar4WaitEPNS0_5MutexE");
  LetGo(mutex);
  const BecomesWriter writer(mutex);
  const Call call;
  real(this, mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto real = Real<bool (*)(CondVar*, Mutex*, Duration)>(
      "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  LetGo(mutex);
  const BecomesWriter writer(mutex);
  const Call call;
  return real(this, mutex, timeout);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto real =
      Real<bool (*)(CondVar*, Mutex*, Time)>("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  LetGo(mutex);
  const BecomesWriter writer(mutex);
  const Call call;
  return real(this, mutex, deadline);
}

void Notification::Notify() {
  static const auto real = Real<void (*)(Notification*)>("12Notification6NotifyEv");
  __tsan_release(WordOf(this));
  real(this);
}

void Notification::WaitForNotification() const {
  static const auto real =
      RealConst<void (*)(const Notification*)>("12Notification19WaitForNotificationEv");
  real(this);
  __tsan_acquire(WordOf(this));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static const auto real = RealConst<bool (*)(const Notification*, Duration)>(
      "12Notification30WaitForNotificationWithTimeoutENS0_8DurationE");
  const bool notified = real(this, timeout);
  if (notified) __tsan_acquire(WordOf(this));
  return notified;
}

ABSL_NAMESPACE_END
}  // namespace absl
