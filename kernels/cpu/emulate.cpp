// The scheduler of the fibers that stand for CUDA threads. For x86-64 only, as the tests are.
#include "emulate.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <thread>
#include <vector>

// Saves the callee-saved registers on the running stack, stores its pointer, takes the other.
extern "C" void fiber_switch(void** save, void* load);
asm(R"(
.text
.globl fiber_switch
fiber_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

namespace cpu {
__thread Place place;

namespace {
constexpr size_t STACK = 256 * 1024;
enum class State { READY, AT_BLOCK, AT_WARP, DONE };

[[noreturn]] void fail(const char* what) {
    const uint3 b = place.block;
    fprintf(stderr, "block (%u, %u, %u): %s\n", b.x, b.y, b.z, what);
    abort();
}

struct Fiber {
    char* stack = nullptr;
    void* pointer = nullptr;
    State state = State::READY;
};

struct Warp {
    void* lanes[32];
    unsigned live, arrived;
};
}  // namespace

struct Scheduler {
    void (*body)(const void*);
    const void* arguments;
    std::vector<Fiber> fibers;
    std::vector<Warp> warps;
    std::vector<unsigned> order;
    std::map<const void*, std::pair<void*, size_t>> memory;
    void* main = nullptr;
    unsigned running = 0, live = 0, waiting = 0;
    uint64_t random = 1;

    explicit Scheduler(unsigned threads) : fibers(threads), warps((threads + 31) / 32) {
        for (Fiber& f : fibers) {
            f.stack = static_cast<char*>(mmap(nullptr, STACK, PROT_READ | PROT_WRITE,
                                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
            if (f.stack == MAP_FAILED) fail("no memory for a fiber's stack");
        }
        for (unsigned i = 0; i < threads; i++) order.push_back(i);
    }
    ~Scheduler() {
        for (Fiber& f : fibers) munmap(f.stack, STACK);
        for (auto& [key, block] : memory) free(block.first);
    }
    void wait(State state) {
        Fiber& f = fibers[running];
        f.state = state;
        fiber_switch(&f.pointer, main);
    }
    void block(Order how);
};

namespace {
void entry() {
    Scheduler& s = *place.scheduler;
    s.body(s.arguments);
    place.scheduler->wait(State::DONE);
    abort();
}
}  // namespace

void Scheduler::block(Order how) {
    const unsigned n = fibers.size();
    for (unsigned i = 0; i < n; i++) {
        // Stacks start at different offsets, or all threads would share the same cache lines.
        void** top = reinterpret_cast<void**>(fibers[i].stack + STACK - 64 * (1 + i * 17 % 61));
        *--top = nullptr;
        *--top = reinterpret_cast<void*>(entry);
        for (int r = 0; r < 6; r++) *--top = nullptr;
        fibers[i].pointer = top;
        fibers[i].state = State::READY;
    }
    for (unsigned w = 0; w < warps.size(); w++) warps[w] = {{}, std::min(32u, n - 32 * w), 0};
    for (auto& [key, memory] : memory) memset(memory.first, 0xff, memory.second);
    live = n, waiting = 0;
    while (live > 0) {
        if (how == Order::RANDOM)
            for (unsigned i = n - 1; i > 0; i--) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                std::swap(order[i], order[(random >> 33) % (i + 1)]);
            }
        bool ran = false;
        for (unsigned k = 0; k < n; k++) {
            const unsigned i = how == Order::BACKWARD ? n - 1 - k : order[k];
            if (fibers[i].state != State::READY) continue;
            ran = true;
            running = i;
            const uint3 size = place.block_size;
            place.thread = {i % size.x, i / size.x % size.y, i / size.x / size.y};
            fiber_switch(&main, fibers[i].pointer);
            if (fibers[i].state == State::AT_BLOCK) waiting++;
            if (fibers[i].state == State::DONE) {
                live--;
                if (--warps[i / 32].live < 32 && warps[i / 32].arrived > 0)
                    fail("a lane left while others of its warp wait for it");
            }
            if (waiting > 0 && waiting == live) {
                waiting = 0;
                for (Fiber& f : fibers)
                    if (f.state == State::AT_BLOCK) f.state = State::READY;
            }
        }
        if (!ran) fail("threads wait at different barriers");
    }
}

void give_way() { place.scheduler->wait(State::READY); }

void block_barrier() { place.scheduler->wait(State::AT_BLOCK); }

void collective(void (*op)(void**), void* mine) {
    Scheduler& s = *place.scheduler;
    const unsigned me = s.running, first = me / 32 * 32;
    Warp& warp = s.warps[me / 32];
    if (warp.live != 32) fail("a warp's operation without all of its lanes");
    warp.lanes[me % 32] = mine;
    if (++warp.arrived < 32) return s.wait(State::AT_WARP);
    warp.arrived = 0;
    op(warp.lanes);
    for (unsigned i = first; i < first + 32; i++)
        if (i != me) s.fibers[i].state = State::READY;
}

void* shared(const void* key, size_t bytes) {
    auto& memory = place.scheduler->memory[key];
    if (!memory.first) {
        if (posix_memalign(&memory.first, 128, bytes)) fail("no shared memory");
        memory.second = bytes;
        memset(memory.first, 0xff, bytes);
    }
    return memory.first;
}

void run(void (*body)(const void*), const void* arguments, uint3 grid, uint3 block, Order order,
         unsigned workers) {
    const size_t blocks = static_cast<size_t>(grid.x) * grid.y * grid.z;
    std::atomic<size_t> next{0};
    const auto work = [&](unsigned worker) {
        Scheduler scheduler(block.x * block.y * block.z);
        scheduler.body = body, scheduler.arguments = arguments, scheduler.random += worker;
        place.scheduler = &scheduler, place.block_size = block, place.grid_size = grid;
        for (size_t i; (i = next++) < blocks;) {
            // The last block first, when going backward.
            const size_t b = order == Order::BACKWARD ? blocks - 1 - i : i;
            place.block = {unsigned(b % grid.x), unsigned(b / grid.x % grid.y),
                           unsigned(b / grid.x / grid.y)};
            scheduler.block(order);
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < workers && i < blocks; i++) threads.emplace_back(work, i);
    work(0);
    for (std::thread& t : threads) t.join();
}
}  // namespace cpu
