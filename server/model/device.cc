// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/device.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <exception>
#include <string>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "ATen/cpu/Utils.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"

namespace imprint::model {
namespace {

bool CpuMultipliesBfloat16() {
  const auto capabilities = at::cpu::get_cpu_capabilities();
  return std::any_of(capabilities.begin(), capabilities.end(), [](const auto& capability) {
    const auto& [name, value] = capability;
    return (name == "avx512_bf16" || name == "amx_bf16") && value.isBool() && value.toBool();
  });
}

// The program links libtorch_cpu alone, so that it starts where there is no CUDA. This
// must run before the first question about CUDA: libtorch remembers the answer.
absl::Status LoadCudaLibraries() {
  void* torch_cpu = ::dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
  link_map* map = nullptr;
  if (torch_cpu == nullptr || ::dlinfo(torch_cpu, RTLD_DI_LINKMAP, &map) != 0) {
    return absl::FailedPreconditionError("libtorch_cpu.so is not loaded as a library of its own");
  }
  std::string folder = map->l_name;
  ::dlclose(torch_cpu);
  folder.resize(folder.rfind('/') + 1);
  for (const char* name : {"libtorch_cuda.so", "libtorch_cuda_linalg.so"}) {
    const std::string path = absl::StrCat(folder, name);
    // Never closed: libtorch keeps pointers into it.
    if (::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      const char* reason = ::dlerror();
      return absl::FailedPreconditionError(
          absl::StrCat("cannot load ", path, ": ", reason == nullptr ? "unknown" : reason,
                       "; deploy/install_deps.sh --cuda installs CUDA's libraries"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<at::Device> FindCudaDevice(const std::string& device) {
  int index = 0;
  absl::string_view digits = device;
  if (!absl::ConsumePrefix(&digits, "cuda:") || !absl::SimpleAtoi(digits, &index) || index < 0 ||
      index > 127) {
    return absl::InvalidArgumentError(
        absl::StrCat("device \"", device, "\" is neither cpu nor cuda:N (--device)"));
  }
  if (const absl::Status loaded = LoadCudaLibraries(); !loaded.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("device ", device, " (--device): ", loaded.message()));
  }
  try {
    const size_t count = at::hasCUDA() ? at::getNumGPUs() : 0;
    if (static_cast<size_t>(index) >= count) {
      return absl::FailedPreconditionError(absl::StrCat(
          "device ", device, " (--device): the CUDA libraries were loaded and see ", count,
          " devices; is the driver installed, and CUDA_VISIBLE_DEVICES right?"));
    }
    const at::Device found(at::kCUDA, static_cast<at::DeviceIndex>(index));
    // The first tensor is where a driver that is too old shows.
    at::zeros({1}, at::TensorOptions().device(found).dtype(at::kFloat)).sum().item();
    return found;
  } catch (const std::exception& error) {
    return absl::FailedPreconditionError(
        absl::StrCat("device ", device, " (--device): ", error.what()));
  }
}

}  // namespace

absl::StatusOr<Placement> MakePlacement(std::string_view device, std::string_view dtype) {
  Placement placement;
  if (dtype == "bf16") {
    placement.weights = at::kBFloat16;
  } else if (dtype == "f32") {
    placement.weights = at::kFloat;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype \"", std::string(dtype), "\" is neither bf16 nor f32 (--dtype)"));
  }
  placement.compute = placement.weights;
  if (device == "cpu") {
    placement.device = at::kCPU;
    if (placement.weights == at::kBFloat16 && !CpuMultipliesBfloat16()) {
      placement.compute = at::kFloat;
    }
    return placement;
  }
  IMPRINT_ASSIGN_OR_RETURN(placement.device, FindCudaDevice(std::string(device)));
  return placement;
}

void SetComputeThreads(int threads) { at::set_num_threads(std::max(1, threads)); }

}  // namespace imprint::model
