// The kernels by name, to be run on the processor.
#pragma once
#include "emulate.h"

namespace cpu {
struct Kernel {
    const char* name;
    void (*body)(const void* arguments);
    size_t arguments;  // bytes
    unsigned threads;  // most that a block may have
};
const Kernel* find(const char* name);
}  // namespace cpu
