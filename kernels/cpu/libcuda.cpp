// A stand-in for NVIDIA's driver library: the calls that the host code makes, on the processor.
// Device memory is host memory of exact size; kernels run through the fibers of emulate.cpp.
//
// CUDA_STANDIN_FAIL=call:k:code makes the k-th use of a call, and all later ones, answer `code`;
// after one of 700 to 719 the card is lost, and every call does. CUDA_STANDIN_FAIL=call:next:code
// lets one use fail at a time: the first after cuInit, the second after the next one, and so on.
// CUDA_STANDIN_COUNT=1 prints at the end how often each call was used, how many bytes were copied to
// the card, and of every graph how many steps it has and how many of them follow one another.
// CUDA_STANDIN_CARDS=n offers n cards; the first has the capability CUDA_STANDIN_MAJOR.MINOR, the
// others 8.0.
// CUDA_STANDIN_ORDER=0|1|2 chooses the schedule, CUDA_STANDIN_GRAPHS=0 refuses capture.
// CUDA_STANDIN_STREAMS=SEED defers everything that a stream is given until somebody waits, and
// then lets the streams go on in random order, as far as events allow: copies read and write as
// late as they may, so that what is missing between streams gives wrong numbers.
// CUDA_STANDIN_HANG=k makes the k-th kernel that runs never end.
// CUDA_STANDIN_IDLE=1 runs no kernel and copies nothing: the time that is left is the host's own part.
// CUDA_STANDIN_POOLS=1 offers memory that is allocated and freed in a stream's order.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernels.h"

namespace {
enum { SUCCESS, INVALID_VALUE, OUT_OF_MEMORY, NO_SUCH_DEVICE = 101, NO_BINARY = 209, NOT_FOUND = 500, NOT_READY = 600,
       NOT_SUPPORTED = 801, CAPTURE_UNJOINED = 904, CAPTURE_ISOLATION = 905 };
using Address = unsigned long long;

std::mutex guard;
std::map<Address, size_t> allocations, pinned;
size_t used = 0;
constexpr size_t TOTAL = size_t(12) << 30;

bool within(const std::map<Address, size_t>& all, Address p, size_t bytes) {
    std::lock_guard lock(guard);
    auto after = all.upper_bound(p);
    if (after == all.begin()) return false;
    --after;
    return p + bytes <= after->first + after->second;
}

bool owns(Address p, size_t bytes) { return within(allocations, p, bytes); }

[[noreturn]] void misused(const char* what) {
    fprintf(stderr, "stand-in: %s\n", what);
    abort();
}

int number(const char* variable, int otherwise) {
    const char* text = getenv(variable);
    return text ? atoi(text) : otherwise;
}

const bool idle = number("CUDA_STANDIN_IDLE", 0);

std::atomic<int> lost{SUCCESS};

// How often each call was used, printed when the process ends; never freed, since threads may
// still call then.
std::map<std::string, int>& uses = *new std::map<std::string, int>;
const int printed = number("CUDA_STANDIN_COUNT", 0) && atexit([] {
    for (const auto& [call, times] : uses) printf("stand-in: %d %s\n", times, call.c_str());
});

// Since the last cuInit, and which of them fails, of the call that is to fail.
int since_init = 0, failing = 1;

int injected(const char* call) {
    std::lock_guard lock(guard);
    ++uses[call];
    if (lost) return lost;
    static const char* text = getenv("CUDA_STANDIN_FAIL");
    if (!text) return SUCCESS;
    const std::string wanted = text;
    const size_t a = wanted.find(':'), b = wanted.find(':', a + 1);
    const int code = atoi(wanted.c_str() + b + 1);
    if (wanted.compare(a + 1, b - a - 1, "next") == 0) {
        if (!strcmp(call, "cuInit")) since_init = 0;
        if (wanted.substr(0, a) != call || ++since_init != failing) return SUCCESS;
        ++failing;
        return code;
    }
    if (wanted.substr(0, a) != call || uses[call] < atoi(wanted.c_str() + a + 1)) return SUCCESS;
    if (code >= 700 && code < 720) lost = code;
    return code;
}

struct Launch {
    const cpu::Kernel* kernel;
    std::vector<char> arguments;
    uint3 grid, block;
    void run() const {
        if (idle) return;
        static std::atomic<int> runs{0};
        if (++runs == number("CUDA_STANDIN_HANG", 0))
            for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
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
        if (!fill.bytes) launch.run();
        else if (!idle) memset(reinterpret_cast<void*>(fill.at), fill.value, fill.bytes);
    }
};
// Steps of a captured graph, each with the numbers of those that it follows. What is not ordered
// runs in another order every time.
using Steps = std::vector<size_t>;
struct Graph {
    std::vector<Step> steps;
    std::vector<Steps> after;
    // All steps before the given ones, and these.
    std::vector<bool> until(const Steps& ends) const {
        std::vector<bool> in(steps.size());
        for (size_t s : ends) in[s] = true;
        for (size_t s = steps.size(); s-- > 0;)
            if (in[s])
                for (size_t before : after[s]) in[before] = true;
        return in;
    }
    size_t longest_chain() const {
        std::vector<size_t> length(steps.size(), 1);
        size_t longest = 0;
        for (size_t s = 0; s < steps.size(); s++) {
            for (size_t before : after[s]) length[s] = std::max(length[s], length[before] + 1);
            longest = std::max(longest, length[s]);
        }
        return longest;
    }
    void run() const {
        static uint64_t random = 1;
        std::vector<bool> done(steps.size());
        for (size_t left = steps.size(); left > 0; left--) {
            Steps ready;
            for (size_t s = 0; s < steps.size(); s++)
                if (!done[s] && std::all_of(after[s].begin(), after[s].end(), [&](size_t b) { return done[b]; }))
                    ready.push_back(s);
            random = random * 6364136223846793005u + 1442695040888963407u;
            const size_t next = ready[(random >> 33) % ready.size()];
            steps[next].run();
            done[next] = true;
        }
    }
};
struct Module { std::string ptx; };
// Neither events nor streams are ever freed: what is deferred may still name them.
struct Event {
    std::chrono::steady_clock::time_point time;
    unsigned recorded = 0, happened = 0;
    // Recorded in a capture: the graph, and the steps that it contains.
    const Graph* captured = nullptr;
    Steps steps;
};
// Something that a stream does; the wait for an event is an operation without a body.
struct Operation {
    std::function<void()> body;
    Event* event;
    unsigned ticket;
    bool ready() const { return body || event->happened >= ticket; }
};
struct Stream {
    // While it is captured, what the next step follows.
    Graph* capture = nullptr;
    Steps ends;
    std::deque<Operation> pending;
};

std::recursive_mutex device;
std::vector<Stream*> streams;
const char* const deferred = getenv("CUDA_STANDIN_STREAMS");

// Lets one stream that can go on do its next operation. False if all are done.
bool go_on() {
    static uint64_t random = deferred ? atoi(deferred) + 1 : 1;
    std::vector<Stream*> ready;
    bool waiting = false;
    for (Stream* s : streams)
        if (!s->pending.empty()) (s->pending.front().ready() ? ready.push_back(s) : void(waiting = true));
    if (ready.empty()) {
        if (waiting) misused("all streams wait for events that will not be recorded");
        return false;
    }
    random = random * 6364136223846793005u + 1442695040888963407u;
    Stream* s = ready[(random >> 33) % ready.size()];
    const Operation next = std::move(s->pending.front());
    s->pending.pop_front();
    if (next.body) next.body();
    return true;
}

// Lets the streams go on until `done`; other threads may give them more meanwhile.
template <class F>
int wait_until(F done) {
    for (;;) {
        if (lost) return lost;
        std::lock_guard lock(device);
        if (done() || !go_on()) return SUCCESS;
    }
}

int give(Stream* stream, Operation operation) {
    std::lock_guard lock(device);
    if (deferred && stream) stream->pending.push_back(std::move(operation));
    else if (operation.body) operation.body();
    return SUCCESS;
}

int give(Stream* stream, std::function<void()> body) { return give(stream, {std::move(body), nullptr, 0}); }

// Nothing may be freed under work that was not waited for.
void nothing_pending() {
    std::lock_guard lock(device);
    for (Stream* s : streams)
        if (!s->pending.empty() && !lost) misused("memory is freed while a stream may use it");
}

void copy(void* to, const void* from, size_t bytes, Address on_device) {
    if (!owns(on_device, bytes)) misused("a copy outside of the card's memory");
    if (!idle) memcpy(to, from, bytes);
}

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
static int cards() { return number("CUDA_STANDIN_CARDS", 1); }
CALL(cuDeviceGetCount, int* n) { CHECKED(cuDeviceGetCount); *n = cards(); return SUCCESS; }
CALL(cuDeviceGet, int* d, int ordinal) {
    *d = ordinal;
    return ordinal < 0 || ordinal >= cards() ? NO_SUCH_DEVICE : SUCCESS;
}
CALL(cuDeviceGetName, char* to, int n, int) { snprintf(to, n, "stand-in"); return SUCCESS; }
CALL(cuDeviceTotalMem_v2, size_t* bytes, int) { *bytes = TOTAL; return SUCCESS; }
CALL(cuDeviceGetAttribute, int* v, int attribute, int card) {
    switch (attribute) {
        case 75: *v = card ? 8 : number("CUDA_STANDIN_MAJOR", 8); break;
        case 76: *v = card ? 0 : number("CUDA_STANDIN_MINOR", 0); break;
        case 115: *v = number("CUDA_STANDIN_POOLS", 0); break;
        default: *v = 0;
    }
    return SUCCESS;
}
CALL(cuDeviceGetUuid, char* to, int) { memset(to, 0, 16); return SUCCESS; }
CALL(cuDeviceGetUuid_v2, char* to, int) { memset(to, 0, 16); return SUCCESS; }
CALL(cuDevicePrimaryCtxRetain, void** c, int) { *c = &used; return SUCCESS; }
CALL(cuDevicePrimaryCtxRelease_v2, int) { return SUCCESS; }
CALL(cuCtxSetCurrent, void*) { return SUCCESS; }
CALL(cuCtxGetCurrent, void** c) { *c = &used; return SUCCESS; }
CALL(cuCtxSynchronize) { CHECKED(cuCtxSynchronize); return wait_until([] { return false; }); }
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
    // NaN: what was not written must not be read. Plans too large to be run here stay untouched.
    if (bytes < 64 << 20) memset(memory, 0xff, bytes);
    std::lock_guard lock(guard);
    allocations[*p = reinterpret_cast<Address>(memory)] = bytes;
    used += bytes;
    return SUCCESS;
}
static int release(Address p) {
    std::lock_guard lock(guard);
    const auto at = allocations.find(p);
    if (at == allocations.end()) return INVALID_VALUE;
    used -= at->second;
    allocations.erase(at);
    free(reinterpret_cast<void*>(p));
    return SUCCESS;
}
CALL(cuMemFree_v2, Address p) { nothing_pending(); return release(p); }
CALL(cuMemAllocAsync, Address* p, size_t bytes, Stream*) {
    CHECKED(cuMemAllocAsync);
    return cuMemAlloc_v2(p, bytes);
}
CALL(cuMemFreeAsync, Address p, Stream* s) { return give(s, [p] { release(p); }); }
CALL(cuMemHostAlloc, void** p, size_t bytes, unsigned) {
    CHECKED(cuMemHostAlloc);
    if (posix_memalign(p, 4096, bytes)) return OUT_OF_MEMORY;
    std::lock_guard lock(guard);
    pinned[reinterpret_cast<Address>(*p)] = bytes;
    return SUCCESS;
}
CALL(cuMemFreeHost, void* p) {
    nothing_pending();
    std::lock_guard lock(guard);
    pinned.erase(reinterpret_cast<Address>(p));
    free(p);
    return SUCCESS;
}
CALL(cuMemcpyHtoDAsync_v2, Address to, const void* from, size_t bytes, Stream* stream) {
    CHECKED(cuMemcpyHtoDAsync_v2);
    {
        std::lock_guard lock(guard);
        uses["bytes to the card"] += bytes;
    }
    if (!owns(to, bytes)) return INVALID_VALUE;
    void* target = reinterpret_cast<void*>(to);
    if (within(pinned, reinterpret_cast<Address>(from), bytes))
        return give(stream, [=] { copy(target, from, bytes, to); });
    // Memory that is not page-locked has been read when the call returns.
    const char* start = static_cast<const char*>(from);
    auto held = std::make_shared<std::vector<char>>(start, start + bytes);
    return give(stream, [=] { copy(target, held->data(), bytes, to); });
}
CALL(cuMemcpyDtoHAsync_v2, void* to, Address from, size_t bytes, Stream* stream) {
    CHECKED(cuMemcpyDtoHAsync_v2);
    if (!owns(from, bytes)) return INVALID_VALUE;
    return give(stream, [=] { copy(to, reinterpret_cast<void*>(from), bytes, from); });
}
static int step(Stream* stream, Step s) {
    if (stream && stream->capture) {
        Graph& graph = *stream->capture;
        graph.steps.push_back(std::move(s));
        graph.after.push_back(stream->ends);
        stream->ends = {graph.steps.size() - 1};
        return SUCCESS;
    }
    auto held = std::make_shared<Step>(std::move(s));
    return give(stream, [held] { held->run(); });
}
CALL(cuMemsetD8Async, Address to, unsigned char value, size_t bytes, Stream* stream) {
    CHECKED(cuMemsetD8Async);
    if (!bytes || !owns(to, bytes)) return INVALID_VALUE;
    return step(stream, {{to, value, bytes}, {}});
}
CALL(cuStreamCreate, Stream** s, unsigned) {
    CHECKED(cuStreamCreate);
    std::lock_guard lock(device);
    streams.push_back(*s = new Stream);
    return SUCCESS;
}
CALL(cuStreamDestroy_v2, Stream*) { return SUCCESS; }
CALL(cuStreamSynchronize, Stream* s) {
    CHECKED(cuStreamSynchronize);
    return wait_until([=] { return s->pending.empty(); });
}
CALL(cuStreamWaitEvent, Stream* s, Event* e, unsigned) {
    std::lock_guard lock(device);
    if (e->captured || s->capture) {
        // An event of a capture brings another stream into it; nothing is asked of the card.
        if (!e->captured || (s->capture && s->capture != e->captured)) return CAPTURE_ISOLATION;
        s->capture = const_cast<Graph*>(e->captured);
        s->ends.insert(s->ends.end(), e->steps.begin(), e->steps.end());
        return SUCCESS;
    }
    CHECKED(cuStreamWaitEvent);
    return give(s, Operation{{}, e, e->recorded});
}
CALL(cuStreamIsCapturing, Stream* s, int* state) { *state = s && s->capture; return SUCCESS; }
CALL(cuStreamBeginCapture_v2, Stream* s, int) {
    if (!number("CUDA_STANDIN_GRAPHS", 1)) return NOT_SUPPORTED;
    s->capture = new Graph;
    s->ends.clear();
    return SUCCESS;
}
CALL(cuStreamEndCapture, Stream* s, Graph** graph) {
    std::lock_guard lock(device);
    *graph = s->capture;
    const std::vector<bool> joined = (*graph)->until(s->ends);
    for (Stream* other : streams)
        if (other->capture == *graph) other->capture = nullptr, other->ends.clear();
    if (std::count(joined.begin(), joined.end(), false)) {
        delete *graph;
        *graph = nullptr;
        return CAPTURE_UNJOINED;
    }
    const std::string text = std::to_string((*graph)->steps.size()) + " steps, " +
                             std::to_string((*graph)->longest_chain()) + " in a row";
    std::lock_guard counting(guard);
    ++uses["graphs of " + text];
    return SUCCESS;
}
CALL(cuGraphInstantiateWithFlags, Graph** exec, Graph* g, uint64_t) { *exec = g; return SUCCESS; }
CALL(cuGraphUpload, Graph*, Stream*) { return SUCCESS; }
CALL(cuGraphLaunch, Graph* g, Stream* stream) {
    CHECKED(cuGraphLaunch);
    auto held = std::make_shared<Graph>(*g);
    return give(stream, [held] { held->run(); });
}
CALL(cuGraphExecDestroy, Graph*) { return SUCCESS; }
CALL(cuGraphDestroy, Graph* g) { delete g; return SUCCESS; }
CALL(cuEventCreate, Event** e, unsigned) {
    CHECKED(cuEventCreate);
    *e = new Event;
    return SUCCESS;
}
CALL(cuEventDestroy_v2, Event*) { return SUCCESS; }
CALL(cuEventRecord, Event* e, Stream* s) {
    std::lock_guard lock(device);
    e->captured = s ? s->capture : nullptr;
    if (e->captured) {
        e->steps = s->ends;
        return SUCCESS;
    }
    CHECKED(cuEventRecord);
    const unsigned ticket = ++e->recorded;
    return give(s, [=] {
        e->happened = std::max(e->happened, ticket);
        e->time = std::chrono::steady_clock::now();
    });
}
CALL(cuEventSynchronize, Event* e) {
    CHECKED(cuEventSynchronize);
    std::unique_lock lock(device);
    const unsigned ticket = e->recorded;
    lock.unlock();
    return wait_until([=] { return e->happened >= ticket; });
}
CALL(cuEventQuery, Event* e) {
    CHECKED(cuEventQuery);
    std::lock_guard lock(device);
    return e->happened < e->recorded ? NOT_READY : SUCCESS;
}
CALL(cuEventElapsedTime, float* ms, Event* a, Event* b) {
    *ms = std::chrono::duration<float, std::milli>(b->time - a->time).count();
    return SUCCESS;
}
CALL(cuModuleLoadData, Module** m, const char* image) {
    CHECKED(cuModuleLoadData);
    // Machine code cannot run here: the answer of a driver that knows no code for its device.
    if (!memcmp(image, "\x7f" "ELF", 4)) return NO_BINARY;
    *m = new Module{image};
    return SUCCESS;
}
CALL(cuModuleUnload, Module* m) { delete m; return SUCCESS; }
CALL(cuModuleGetFunction, const cpu::Kernel** f, Module* m, const char* name) {
    CHECKED(cuModuleGetFunction);
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
