// A stand-in for NVIDIA's driver library: the calls that the host code makes, on the processor.
// Device memory is host memory of exact size; kernels run through the fibers of emulate.cpp.
//
// CUDA_STANDIN_FAIL=call:k:code makes the k-th use of a call, and all later ones, answer `code`.
// CUDA_STANDIN_ORDER=0|1|2 chooses the schedule, CUDA_STANDIN_GRAPHS=0 refuses capture.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernels.h"

namespace {
enum { SUCCESS, INVALID_VALUE, OUT_OF_MEMORY, NOT_FOUND = 500, NOT_SUPPORTED = 801 };
using Address = unsigned long long;

std::mutex guard;
std::map<Address, size_t> allocations;
size_t used = 0;
constexpr size_t TOTAL = size_t(8) << 30;

bool owns(Address p, size_t bytes) {
    std::lock_guard lock(guard);
    auto after = allocations.upper_bound(p);
    if (after == allocations.begin()) return false;
    --after;
    return p + bytes <= after->first + after->second;
}

int number(const char* variable, int otherwise) {
    const char* text = getenv(variable);
    return text ? atoi(text) : otherwise;
}

int injected(const char* call) {
    static const char* text = getenv("CUDA_STANDIN_FAIL");
    static std::map<std::string, int> uses;
    if (!text) return SUCCESS;
    const std::string wanted = text;
    const size_t a = wanted.find(':'), b = wanted.find(':', a + 1);
    if (wanted.substr(0, a) != call) return SUCCESS;
    std::lock_guard lock(guard);
    return ++uses[call] >= atoi(wanted.c_str() + a + 1) ? atoi(wanted.c_str() + b + 1) : SUCCESS;
}

struct Launch {
    const cpu::Kernel* kernel;
    std::vector<char> arguments;
    uint3 grid, block;
    void run() const {
        const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
        cpu::run(kernel->body, arguments.data(), grid, block,
                 static_cast<cpu::Order>(number("CUDA_STANDIN_ORDER", 0)), cores);
    }
};
struct Fill {
    Address at;
    unsigned char value;
    size_t bytes;
};
// One step of a captured graph: a fill, or a launch where `bytes` is zero.
struct Step {
    Fill fill;
    Launch launch;
    void run() const {
        if (fill.bytes) memset(reinterpret_cast<void*>(fill.at), fill.value, fill.bytes);
        else launch.run();
    }
};
using Graph = std::vector<Step>;
struct Stream { Graph* capture = nullptr; };
struct Module { std::string ptx; };
struct Event { std::chrono::steady_clock::time_point time; };

// Bytes of a kernel's only parameter, as the PTX declares it; 0 where the kernel is missing.
size_t parameter_bytes(const std::string& ptx, const char* name) {
    const size_t at = ptx.find(".entry " + std::string(name) + "(");
    const size_t bracket = at == std::string::npos ? at : ptx.find("_param_0[", at);
    return bracket == std::string::npos ? 0 : atoi(ptx.c_str() + bracket + 9);
}
}  // namespace

#define CHECKED(name) if (int code = injected(#name)) return code

#define CALL(name, ...) \
    extern "C" __attribute__((visibility("default"))) int name(__VA_ARGS__)

CALL(cuInit, unsigned) { CHECKED(cuInit); return SUCCESS; }
CALL(cuDriverGetVersion, int* v) { *v = number("CUDA_STANDIN_DRIVER", 12080); return SUCCESS; }
CALL(cuDeviceGetCount, int* n) { CHECKED(cuDeviceGetCount); *n = 1; return SUCCESS; }
CALL(cuDeviceGet, int* d, int ordinal) { *d = 0; return ordinal ? 101 : SUCCESS; }
CALL(cuDeviceGetName, char* to, int n, int) { snprintf(to, n, "stand-in"); return SUCCESS; }
CALL(cuDeviceTotalMem_v2, size_t* bytes, int) { *bytes = TOTAL; return SUCCESS; }
CALL(cuDeviceGetAttribute, int* v, int attribute, int) {
    switch (attribute) {
        case 75: *v = number("CUDA_STANDIN_MAJOR", 8); break;
        case 76: *v = number("CUDA_STANDIN_MINOR", 0); break;
        default: *v = 0;  // among them: no memory pools
    }
    return SUCCESS;
}
CALL(cuDeviceGetUuid, char* to, int) { memset(to, 0, 16); return SUCCESS; }
CALL(cuDeviceGetUuid_v2, char* to, int) { memset(to, 0, 16); return SUCCESS; }
CALL(cuDevicePrimaryCtxRetain, void** c, int) { *c = &used; return SUCCESS; }
CALL(cuDevicePrimaryCtxRelease_v2, int) { return SUCCESS; }
CALL(cuCtxSetCurrent, void*) { return SUCCESS; }
CALL(cuCtxGetCurrent, void** c) { *c = &used; return SUCCESS; }
CALL(cuCtxSynchronize) { return SUCCESS; }
CALL(cuCtxSetFlags, unsigned) { return SUCCESS; }
CALL(cuGetErrorName, int, const char** s) { *s = "CUDA_ERROR_STAND_IN"; return SUCCESS; }
CALL(cuGetErrorString, int code, const char** s) {
    *s = code == OUT_OF_MEMORY ? "out of memory" : "stand-in error";
    return SUCCESS;
}
CALL(cuMemGetInfo_v2, size_t* free, size_t* total) {
    *total = TOTAL, *free = TOTAL - used;
    return SUCCESS;
}
CALL(cuMemAlloc_v2, Address* p, size_t bytes) {
    CHECKED(cuMemAlloc_v2);
    void* memory = nullptr;
    if (!bytes || used + bytes > TOTAL || posix_memalign(&memory, 256, bytes)) return OUT_OF_MEMORY;
    memset(memory, 0xff, bytes);  // NaN: what nobody wrote must not be read
    std::lock_guard lock(guard);
    allocations[*p = reinterpret_cast<Address>(memory)] = bytes;
    used += bytes;
    return SUCCESS;
}
CALL(cuMemFree_v2, Address p) {
    std::lock_guard lock(guard);
    const auto at = allocations.find(p);
    if (at == allocations.end()) return INVALID_VALUE;
    used -= at->second;
    allocations.erase(at);
    free(reinterpret_cast<void*>(p));
    return SUCCESS;
}
CALL(cuMemHostAlloc, void** p, size_t bytes, unsigned) {
    CHECKED(cuMemHostAlloc);
    return posix_memalign(p, 4096, bytes) ? OUT_OF_MEMORY : SUCCESS;
}
CALL(cuMemFreeHost, void* p) { free(p); return SUCCESS; }
CALL(cuMemcpyHtoDAsync_v2, Address to, const void* from, size_t bytes, void*) {
    CHECKED(cuMemcpyHtoDAsync_v2);
    if (!owns(to, bytes)) return INVALID_VALUE;
    memcpy(reinterpret_cast<void*>(to), from, bytes);
    return SUCCESS;
}
CALL(cuMemcpyDtoHAsync_v2, void* to, Address from, size_t bytes, void*) {
    CHECKED(cuMemcpyDtoHAsync_v2);
    if (!owns(from, bytes)) return INVALID_VALUE;
    memcpy(to, reinterpret_cast<void*>(from), bytes);
    return SUCCESS;
}
static int step(Stream* stream, Step s) {
    if (stream && stream->capture) stream->capture->push_back(std::move(s));
    else s.run();
    return SUCCESS;
}
CALL(cuMemsetD8Async, Address to, unsigned char value, size_t bytes, Stream* stream) {
    if (!bytes || !owns(to, bytes)) return INVALID_VALUE;
    return step(stream, {{to, value, bytes}, {}});
}
CALL(cuStreamCreate, Stream** s, unsigned) { *s = new Stream; return SUCCESS; }
CALL(cuStreamDestroy_v2, Stream* s) { delete s; return SUCCESS; }
CALL(cuStreamSynchronize, Stream*) { CHECKED(cuStreamSynchronize); return SUCCESS; }
CALL(cuStreamWaitEvent, Stream*, Event*, unsigned) { return SUCCESS; }
CALL(cuStreamIsCapturing, Stream* s, int* state) { *state = s && s->capture; return SUCCESS; }
CALL(cuStreamBeginCapture_v2, Stream* s, int) {
    if (!number("CUDA_STANDIN_GRAPHS", 1)) return NOT_SUPPORTED;
    s->capture = new Graph;
    return SUCCESS;
}
CALL(cuStreamEndCapture, Stream* s, Graph** graph) {
    *graph = s->capture;
    s->capture = nullptr;
    return SUCCESS;
}
CALL(cuGraphInstantiateWithFlags, Graph** exec, Graph* g, uint64_t) { *exec = g; return SUCCESS; }
CALL(cuGraphUpload, Graph*, Stream*) { return SUCCESS; }
CALL(cuGraphLaunch, Graph* g, Stream*) {
    CHECKED(cuGraphLaunch);
    for (const Step& s : *g) s.run();
    return SUCCESS;
}
CALL(cuGraphExecDestroy, Graph*) { return SUCCESS; }
CALL(cuGraphDestroy, Graph* g) { delete g; return SUCCESS; }
CALL(cuEventCreate, Event** e, unsigned) { *e = new Event; return SUCCESS; }
CALL(cuEventDestroy_v2, Event* e) { delete e; return SUCCESS; }
CALL(cuEventRecord, Event* e, Stream*) { e->time = std::chrono::steady_clock::now(); return 0; }
CALL(cuEventSynchronize, Event*) { return SUCCESS; }
CALL(cuEventQuery, Event*) { return SUCCESS; }
CALL(cuEventElapsedTime, float* ms, Event* a, Event* b) {
    *ms = std::chrono::duration<float, std::milli>(b->time - a->time).count();
    return SUCCESS;
}
CALL(cuModuleLoadData, Module** m, const char* image) {
    CHECKED(cuModuleLoadData);
    *m = new Module{image};
    return SUCCESS;
}
CALL(cuModuleUnload, Module* m) { delete m; return SUCCESS; }
CALL(cuModuleGetFunction, const cpu::Kernel** f, Module* m, const char* name) {
    *f = cpu::find(name);
    if (!*f || parameter_bytes(m->ptx, name) != (*f)->arguments) {
        fprintf(stderr, "stand-in: %s is missing, or its parameter is not the source's\n", name);
        return NOT_FOUND;
    }
    return SUCCESS;
}
CALL(cuFuncGetAttribute, int* v, int, void*) { *v = 0; return SUCCESS; }
CALL(cuLaunchKernel, const cpu::Kernel* k, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
       unsigned by, unsigned bz, unsigned dynamic, Stream* stream, void** parameters, void**) {
    CHECKED(cuLaunchKernel);
    if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || bx * by * bz > k->threads || dynamic)
        return INVALID_VALUE;
    const char* from = static_cast<const char*>(parameters[0]);
    return step(stream, {{}, {k, {from, from + k->arguments}, {gx, gy, gz}, {bx, by, bz}}});
}
