// EGER on the device: 96 counts for every sensor pixel, from packed events.
#pragma once
#include "common.cuh"

// One exposure's numbers for one target. Times are in microseconds; those of the exposure and
// the target are fractional, so the sorting into bins is done in double precision, operation
// by operation as on the host: both give the same counts.
struct EgerHeader {
    double base, start, bin, target_start, target_end;  // event time = base + event.x
    unsigned events;
    unsigned unused;
    const uint2* packed;  // time since `base`; row << 16 | polarity << 15 | column
};

struct EgerArgs {
    const EgerHeader* header;
    unsigned* counts;     // (height, width, 96) of 16 bits
    int height, width;    // of the map, which is the sensor's size or larger
    int sensor_height, sensor_width;
};

constexpr int EGER_CHANNELS = 96;
constexpr int EGER_BINS = 16;

// One thread per event, any number of blocks.
KERNEL(eger_count, 256)(EgerArgs a) {
    const EgerHeader header = *a.header;
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < header.events;
         i += gridDim.x * blockDim.x) {
        const uint2 event = header.packed[i];
        const double t = header.base + event.x;
        const int row = event.y >> 16, column = event.y & 0x7fff, on = event.y >> 15 & 1;
        const int bin = min(static_cast<int>((t - header.start) / header.bin), EGER_BINS - 1);
        const int part = (t >= header.target_start) + (t >= header.target_end);
        const int channel = bin * 6 + part * 2 + on;
        const size_t pixel = static_cast<size_t>(row) * a.width + column;
        unsigned* word = a.counts + (pixel * EGER_CHANNELS + channel) / 2;
        const int shift = channel % 2 * 16;
        // A full count stays as it is. An addition that is taken back afterwards would do for one
        // thread, but not for several at once.
        unsigned seen = *word, assumed;
        do {
            assumed = seen;
            if ((assumed >> shift & 0xffff) == 0xffff) break;
            seen = atomicCAS(word, assumed, assumed + (1u << shift));
        } while (seen != assumed);
    }
}

// Position that a padded one repeats: mirrored without the edge itself, as often as needed.
INLINE int mirrored(int i, int n) {
    if (n <= 1) return 0;
    const int period = 2 * (n - 1);
    i %= period;
    return i < n ? i : period - i;
}

// Fills the map right of and below the sensor. One thread per 8 counts of the whole map.
KERNEL(eger_mirror, 256)(EgerArgs a) {
    constexpr int VECTORS = EGER_CHANNELS / 8;
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    const int v = i % VECTORS, x = i / VECTORS % a.width, y = i / VECTORS / a.width;
    if (y >= a.height || (x < a.sensor_width && y < a.sensor_height)) return;
    uint4* map = reinterpret_cast<uint4*>(a.counts);
    const int from_y = mirrored(y, a.sensor_height), from_x = mirrored(x, a.sensor_width);
    map[(static_cast<size_t>(y) * a.width + x) * VECTORS + v] =
        map[(static_cast<size_t>(from_y) * a.width + from_x) * VECTORS + v];
}

struct VoxelArgs {
    const float* planes;  // (96, height, width)
    void* map;            // (height, width, 96), half or single
    int height, width;
};

template <class T>
INLINE void planes_to_map(const VoxelArgs& a) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x, area = a.height * a.width;
    const int c = i % EGER_CHANNELS, pixel = i / EGER_CHANNELS;
    if (pixel >= area) return;
    static_cast<T*>(a.map)[i] = static_cast<T>(a.planes[static_cast<size_t>(c) * area + pixel]);
}

// A map that was counted elsewhere. One thread per number.
KERNEL(voxels_half, 256)(VoxelArgs a) { planes_to_map<half>(a); }
KERNEL(voxels_single, 256)(VoxelArgs a) { planes_to_map<float>(a); }
