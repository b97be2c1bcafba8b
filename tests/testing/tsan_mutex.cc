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

// A call of the library. Within it the conditions of all who wait are asked, while the lock is held
// and the sanitizer cannot be told so: what they read is left out.
class Call {
 public:
  explicit Call(const void* acquired) : acquired_(acquired) {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  }
  ~Call() {
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    if (acquired_ != nullptr) __tsan_acquire(const_cast<void*>(acquired_));
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  const void* const acquired_;
};

// The word that Notification::HasBeenNotified reads in the header; its loads acquire that.
const void* WordOf(const absl::Notification* notification) {
  return reinterpret_cast<const char*>(notification) + sizeof(absl::Mutex);
}

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static const auto real = Real<void (*)(Mutex*)>("5Mutex4LockEv");
  const Call call(this);
  real(this);
}

void Mutex::ReaderLock() {
  static const auto real = Real<void (*)(Mutex*)>("5Mutex10ReaderLockEv");
  const Call call(this);
  real(this);
}

bool Mutex::TryLock() {
  static const auto real = Real<bool (*)(Mutex*)>("5Mutex7TryLockEv");
  const bool locked = real(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

bool Mutex::ReaderTryLock() {
  static const auto real = Real<bool (*)(Mutex*)>("5Mutex13ReaderTryLockEv");
  const bool locked = real(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::Unlock() {
  static const auto real = Real<void (*)(Mutex*)>("5Mutex6UnlockEv");
  __tsan_release(this);
  const Call call(nullptr);
  real(this);
}

void Mutex::ReaderUnlock() {
  static const auto real = Real<void (*)(Mutex*)>("5Mutex12ReaderUnlockEv");
  __tsan_release(this);
  const Call call(nullptr);
  real(this);
}

void Mutex::Await(const Condition& condition) {
  static const auto real =
      Real<void (*)(Mutex*, const Condition&)>("5Mutex5AwaitERKNS0_9ConditionE");
  __tsan_release(this);
  const Call call(this);
  real(this, condition);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Duration)>(
      "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  __tsan_release(this);
  const Call call(this);
  return real(this, condition, timeout);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Time)>(
      "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  __tsan_release(this);
  const Call call(this);
  return real(this, condition, deadline);
}

void Mutex::LockWhen(const Condition& condition) {
  static const auto real =
      Real<void (*)(Mutex*, const Condition&)>("5Mutex8LockWhenERKNS0_9ConditionE");
  const Call call(this);
  real(this, condition);
}

void Mutex::ReaderLockWhen(const Condition& condition) {
  static const auto real =
      Real<void (*)(Mutex*, const Condition&)>("5Mutex14ReaderLockWhenERKNS0_9ConditionE");
  const Call call(this);
  real(this, condition);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Duration)>(
      "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  const Call call(this);
  return real(this, condition, timeout);
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Time)>(
      "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  const Call call(this);
  return real(this, condition, deadline);
}

void CondVar::Wait(Mutex* mutex) {
  static const auto real = Real<void (*)(CondVar*, Mutex*)>("7CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  const Call call(mutex);
  real(this, mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto real = Real<bool (*)(CondVar*, Mutex*, Duration)>(
      "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const Call call(mutex);
  return real(this, mutex, timeout);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto real =
      Real<bool (*)(CondVar*, Mutex*, Time)>("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const Call call(mutex);
  return real(this, mutex, deadline);
}

void Notification::Notify() {
  static const auto real = Real<void (*)(Notification*)>("12Notification6NotifyEv");
  __tsan_release(const_cast<void*>(WordOf(this)));
  real(this);
}

void Notification::WaitForNotification() const {
  static const auto real =
      RealConst<void (*)(const Notification*)>("12Notification19WaitForNotificationEv");
  const Call call(WordOf(this));
  real(this);
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static const auto real = RealConst<bool (*)(const Notification*, Duration)>(
      "12Notification30WaitForNotificationWithTimeoutENS0_8DurationE");
  const Call call(WordOf(this));
  return real(this, timeout);
}

ABSL_NAMESPACE_END
}  // namespace absl
