// A fake libcaer with the same functions and layouts, and a camera that can be made to fail.
//
// fake_set(key, value) sets a state; fake_get(key) reads one. Every container covers
// `container_us` of camera time and is returned when that much real time has passed.
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WIDTH = 346, HEIGHT = 260, KEYS = 32, DAVIS240C = 2, DAVIS346B = 5 };
enum key {
    PRESENT = 0,         // whether a camera is plugged in
    STALL = 1,           // reading data blocks
    UNPLUG = 2,          // reports a disconnect and sends no more data
    DROP = 3,            // number of containers to drop silently
    START_US = 4,        // start time of the clock, to test its overflow
    PER_CONTAINER = 5,   // events per container
    CONTAINER_US = 6,
    RESET = 7,           // sets the clock to zero
    MALFORMED = 8,       // number of packets with invalid headers to send
    OPENED = 9,          // counter
    CLOSED = 10,
    SENT_EVENTS = 11,
    SENT_FRAMES = 12,
    DEVICE_DROPPED = 13, // the camera's own count of dropped events
    FREE_RUN = 14,       // does not wait for real time
    REFUSE = 15,         // rejects register settings
    IMU_SAMPLES = 16,    // IMU samples per container
    LOG_DROPPED = 17,    // number of log messages about a dropped container
    EDGES_DROPPED = 18,  // the camera's own count of dropped edges
    STARTED = 19,        // counter
    LISTENED = 20,
    CHIP = 21,           // sensor on the board: DAVIS_CHIP_* of libcaer
    NEW_FIRMWARE = 22,   // the camera has firmware that the library does not know
};
static atomic_llong state[KEYS] = {[PRESENT] = 1, [PER_CONTAINER] = 100, [CONTAINER_US] = 1000, [IMU_SAMPLES] = 2, [CHIP] = DAVIS346B};
static void (*listener)(const char *, size_t);
static uint32_t registers[256][256];

void fake_set(int key, long long value) { state[key] = value; }
long long fake_get(int key) { return state[key]; }
uint32_t fake_register(int8_t module, uint8_t parameter) { return registers[(uint8_t)module][parameter]; }

void caerLogCallbackSet(void (*callback)(const char *, size_t)) { listener = callback; state[LISTENED]++; }
void caerLogFileDescriptorsSet(int first, int second) { (void)first; (void)second; }
static void log_message(const char *message) { if (listener) listener(message, strlen(message)); }

#pragma pack(push, 1)
struct header { int16_t type, source; int32_t size, ts_offset, ts_overflow, capacity, number, valid; };
struct pair { uint32_t data; int32_t timestamp; };
struct frame { uint32_t info; int32_t sof, eof, soe, eoe, len_x, len_y, pos_x, pos_y; };
struct inertial { uint32_t info; int32_t timestamp; float values[7]; };
struct container { int64_t lowest, highest; int32_t events, valid, packets; };
#pragma pack(pop)
struct davis_info {
    int16_t id; char serial[9]; uint8_t bus, address; char *text; int16_t firmware, logic, chip;
    bool master, mux_statistics; int16_t dvs_x, dvs_y;
    bool pixel_filter, background_filter, roi_filter, skip_filter, polarity_filter, dvs_statistics;
    int16_t aps_x, aps_y; int colour; bool global_shutter; int imu; bool generator;
};
struct device {
    bool running; int64_t now_us; struct timespec started; int64_t started_us; long long gets;
    void (*gone)(void *); void *gone_argument; bool notified;
};

void *caerDeviceOpen(uint16_t id, uint16_t type, uint8_t bus, uint8_t address, const char *serial) {
    (void)id; (void)bus; (void)address;
    if (!state[PRESENT] || type != 4 || (serial && strcmp(serial, "FAKE0001"))) {
        log_message("DAVIS: Failed to open device. Please update by following the Flashy documentation");
        errno = -1;
        return NULL;
    }
    if (state[NEW_FIRMWARE]) {
        log_message("DAVIS: Device firmware version incorrect. You have version 10; but version 6 is required. "
                    "Please update by following the Flashy documentation");
        log_message("DAVIS: Failed to open device, see above log message for more information (errno=-4).");
        errno = -4;
        return NULL;
    }
    struct device *device = calloc(1, sizeof *device);
    device->now_us = device->started_us = state[START_US];
    state[OPENED]++;
    return device;
}
bool caerDeviceClose(void **device) { free(*device); *device = NULL; state[CLOSED]++; return true; }
// A normal n-type bias: coarse and fine current.
static uint32_t bias(uint32_t coarse, uint32_t fine) { return 0xf | fine << 4 | coarse << 12; }
bool caerDeviceSendDefaultConfig(void *device) {
    registers[1][3] = registers[2][4] = 1;
    registers[2][12] = 4000;
    // Each address has a distinct value, so that writes to a wrong address are noticed.
    for (uint32_t i = 0; i < 32; i++) registers[5][i] = bias(6, 100 + i);
    // DiffBn, OnBn, OffBn, PrBp and PrSFBp.
    const int of_240[] = {0, 1, 2, 8, 9}, others[] = {10, 11, 12, 14, 15};
    const int *at = state[CHIP] <= DAVIS240C ? of_240 : others;
    registers[5][at[0]] = bias(4, 39);
    registers[5][at[1]] = bias(5, 255);
    registers[5][at[2]] = bias(1, 64);
    registers[5][at[3]] = bias(2, 58);
    registers[5][at[4]] = bias(1, 33);
    return device != NULL;
}
bool caerDeviceConfigSet(void *device, int8_t module, uint8_t parameter, uint32_t value) {
    if (state[REFUSE]) return false;
    registers[(uint8_t)module][parameter] = value;
    return device != NULL;
}
bool caerDeviceConfigGet(void *device, int8_t module, uint8_t parameter, uint32_t *value) {
    *value = registers[(uint8_t)module][parameter];
    return device != NULL;
}
bool caerDeviceConfigGet64(void *device, int8_t module, uint8_t parameter, uint64_t *value) {
    *value = module != 0 ? 0 : parameter == 83 ? (uint64_t)state[DEVICE_DROPPED]
        : parameter == 81 ? (uint64_t)state[EDGES_DROPPED] : 0;
    return device != NULL;
}
bool caerDeviceDataStart(void *handle, void (*increase)(void *), void (*decrease)(void *), void *user,
                         void (*gone)(void *), void *gone_argument) {
    (void)increase; (void)decrease; (void)user;
    struct device *device = handle;
    // As in caerRingBufferInit: the size of the data exchange must be a power of two.
    uint32_t size = registers[(uint8_t)-2][0];
    if (size == 0 || (size & (size - 1))) return false;
    device->running = true;
    state[STARTED]++;
    device->gone = gone;
    device->gone_argument = gone_argument;
    clock_gettime(CLOCK_MONOTONIC, &device->started);
    return true;
}
bool caerDeviceDataStop(void *device) { ((struct device *)device)->running = false; return true; }
struct davis_info caerDavisInfoGet(void *device) {
    (void)device;
    struct davis_info info = {.id = 1, .text = "DAVIS346 fake", .firmware = 6, .logic = 18, .chip = (int16_t)state[CHIP],
        .master = true, .mux_statistics = true, .dvs_x = WIDTH, .dvs_y = HEIGHT, .pixel_filter = true,
        .background_filter = true, .aps_x = WIDTH, .aps_y = HEIGHT, .global_shutter = true, .generator = true};
    strcpy(info.serial, "FAKE0001");
    return info;
}

static struct header *packet(int16_t type, int32_t size, int32_t ts_offset, int64_t us, int32_t number) {
    struct header *h = calloc(1, sizeof *h + (size_t)size * number);
    *h = (struct header){type, 1, size, ts_offset, (int32_t)(us >> 31), number, number, number};
    return h;
}
static int32_t low(int64_t us) { return (int32_t)(us & 0x7fffffff); }

void *caerDeviceDataGet(void *handle) {
    struct device *device = handle;
    struct timespec nap = {0, 200000};
    while (state[STALL]) nanosleep(&nap, NULL);
    if (!device->running) return NULL;
    if (state[UNPLUG] || !state[PRESENT]) {
        if (!device->notified && device->gone) device->gone(device->gone_argument);
        device->notified = true;
        return NULL;
    }
    int64_t span = state[CONTAINER_US];
    if (!state[FREE_RUN]) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t real = (now.tv_sec - device->started.tv_sec) * 1000000LL
            + (now.tv_nsec - device->started.tv_nsec) / 1000;
        if (real < device->now_us - device->started_us + span) return NULL;
    }
    int64_t from = device->now_us;
    // libcaer ends a container at a timestamp overflow.
    if (from >> 31 != (from + span) >> 31) span = (((from >> 31) + 1) << 31) - from;
    device->now_us += span;
    device->gets++;
    if (state[DROP] > 0) { state[DROP]--; return NULL; }
    for (; state[LOG_DROPPED] > 0; state[LOG_DROPPED]--)
        log_message("DAVIS: Dropped EventPacket Container because ring-buffer full! This means your loop is slow.");

    struct container *c = calloc(1, sizeof *c + 4 * sizeof(void *));
    struct header *packets[4] = {0};
    c->packets = 4;
    if (state[RESET]) {
        state[RESET] = 0;
        packets[0] = packet(0, sizeof(struct pair), 4, from, 1);
        struct pair *s = (struct pair *)(packets[0] + 1);
        *s = (struct pair){1 | 1 << 1, INT32_MAX};
        device->started_us -= device->now_us;
        device->now_us = 0;
    } else {
        int n = registers[1][3] ? (int)state[PER_CONTAINER] : 0, samples = (int)state[IMU_SAMPLES];
        if (samples) {
            packets[3] = packet(3, sizeof(struct inertial), 4, from, samples);
            struct inertial *sample = (struct inertial *)(packets[3] + 1);
            for (int i = 0; i < samples; i++) sample[i] = (struct inertial){1, low(from + span * i / samples), {0}};
        }
        packets[1] = packet(1, sizeof(struct pair), 4, from, n);
        struct pair *e = (struct pair *)(packets[1] + 1);
        for (int i = 0; i < n; i++) {
            // x, y and polarity are derived from the time, so that every field can be checked.
            int64_t us = from + span * i / n;
            uint32_t x = (uint32_t)(us % WIDTH), y = (uint32_t)(us / 7 % HEIGHT), on = us & 1;
            e[i] = (struct pair){1u | on << 1 | y << 2 | x << 17, low(us)};
        }
        state[SENT_EVENTS] += n;
        if (n && state[MALFORMED] > 0) { state[MALFORMED]--; packets[1]->number = INT32_MAX; }
        if (device->gets % 10 == 5) {
            packets[0] = packet(0, sizeof(struct pair), 4, from, 2);
            struct pair *s = (struct pair *)(packets[0] + 1);
            s[0] = (struct pair){1 | 2 << 1, low(from + span / 10)};
            s[1] = (struct pair){1 | 3 << 1, low(from + span / 2)};
        }
        if (device->gets % 10 == 8 && registers[2][4]) {
            int32_t size = sizeof(struct frame) + WIDTH * HEIGHT * 2;
            packets[2] = packet(2, size, 16, from, 1);
            struct frame *f = (struct frame *)(packets[2] + 1);
            // Exposed during the previous containers, within one period of the clock.
            int64_t start = from - 3 * state[CONTAINER_US], turn = from >> 31 << 31;
            if (start < turn) start = turn;
            *f = (struct frame){1 | 1 << 1, low(start), low(from + 2), low(start), low(from + 1), WIDTH, HEIGHT, 0, 0};
            uint16_t *pixels = (uint16_t *)(f + 1);
            for (int i = 0; i < WIDTH * HEIGHT; i++) pixels[i] = (uint16_t)((i % 251) << 8);
            state[SENT_FRAMES]++;
        }
    }
    memcpy(c + 1, packets, sizeof packets);
    c->lowest = from;
    c->highest = device->now_us - 1;
    return c;
}
