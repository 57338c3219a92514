// The same graph in single precision, for checking: plain loops, no tensor cores, no fusion of
// layers. Maps are channels-last, as everywhere.
#include "ends.cu"
#include "fuse.cu"

struct SingleConvArgs {
    const float* input;    // (height, width, cin)
    const float* weights;  // [tap][input][output], outputs up to a multiple of 8
    const float* bias;     // likewise
    const float* skip;     // added last where it is not null
    float* output;         // (height, width, cout)
    int height, width, kernel, cin, cout, relu;
};

// One thread computes eight outputs of a pixel.
KERNEL(single_conv, 128)(SingleConvArgs a) {
    const int groups = (a.cout + 7) / 8;
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    const int o = i % groups * 8, x = i / groups % a.width, y = i / groups / a.width;
    if (y >= a.height) return;
    float sum[8];
    for (int k = 0; k < 8; k++) sum[k] = a.bias[o + k];
    for (int tap = 0; tap < a.kernel * a.kernel; tap++) {
        const int sy = y + tap / a.kernel - a.kernel / 2, sx = x + tap % a.kernel - a.kernel / 2;
        if (sy < 0 || sy >= a.height || sx < 0 || sx >= a.width) continue;
        const float* in = a.input + (static_cast<size_t>(sy) * a.width + sx) * a.cin;
        const float* w = a.weights + static_cast<size_t>(tap) * a.cin * groups * 8 + o;
        for (int c = 0; c < a.cin; c++, w += groups * 8) {
            const float v = in[c];
#pragma unroll
            for (int k = 0; k < 8; k++) sum[k] += v * w[k];
        }
    }
    const size_t at = (static_cast<size_t>(y) * a.width + x) * a.cout + o;
    for (int k = 0; k < 8 && o + k < a.cout; k++) {
        float v = a.relu ? fmaxf(sum[k], 0.0f) : sum[k];
        if (a.skip) v += a.skip[at + k];
        a.output[at + k] = v;
    }
}

struct ResizeArgs {
    const void* input;
    float* output;
    int height, width, channels;  // of the output
    int source_height, source_width;
    int eight_bit;  // of an image, as in StemArgs
};

// One thread per number, here and below.
KERNEL(single_pool, 256)(ResizeArgs a) {
    const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    const int c = i % a.channels, x = i / a.channels % a.width, y = i / a.channels / a.width;
    if (y >= a.height) return;
    const auto at = [&](int dy, int dx) {
        const size_t pixel = static_cast<size_t>(2 * y + dy) * a.source_width + 2 * x + dx;
        return static_cast<const float*>(a.input)[pixel * a.channels + c];
    };
    a.output[i] = 0.25f * (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1));
}

// Bicubic weights of the four samples around an output `phase` past the second of them.
INLINE void cubic_weights(float (&w)[4], float phase) {
    constexpr float A = -0.75f;
    const auto near = [](float x) { return ((A + 2.0f) * x - (A + 3.0f)) * x * x + 1.0f; };
    const auto far = [](float x) { return ((A * x - 5.0f * A) * x + 8.0f * A) * x - 4.0f * A; };
    w[0] = far(phase + 1.0f), w[1] = near(phase), w[2] = near(1.0f - phase), w[3] = far(2.0f - phase);
}

KERNEL(single_upsample, 256)(ResizeArgs a) {
    const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    const int c = i % a.channels, x = i / a.channels % a.width, y = i / a.channels / a.width;
    if (y >= a.height) return;
    float wy[4], wx[4];
    cubic_weights(wy, y % 2 ? 0.25f : 0.75f);
    cubic_weights(wx, x % 2 ? 0.25f : 0.75f);
    float sum = 0.0f;
    for (int r = 0; r < 4; r++) {
        const int sy = min(max((y + 1) / 2 - 2 + r, 0), a.source_height - 1);
        float across = 0.0f;
        for (int q = 0; q < 4; q++) {
            const int sx = min(max((x + 1) / 2 - 2 + q, 0), a.source_width - 1);
            const size_t pixel = static_cast<size_t>(sy) * a.source_width + sx;
            across += wx[q] * static_cast<const float*>(a.input)[pixel * a.channels + c];
        }
        sum += wy[r] * across;
    }
    a.output[i] = sum;
}

// 16-bit counts to numbers.
KERNEL(single_counts, 256)(ResizeArgs a) {
    const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= static_cast<size_t>(a.height) * a.width * a.channels) return;
    a.output[i] = static_cast<const unsigned short*>(a.input)[i];
}

// (channels, height, width) in [0, 1] to a normalised map.
KERNEL(single_image, 256)(ResizeArgs a) {
    const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    const size_t area = static_cast<size_t>(a.height) * a.width;
    if (i >= area * a.channels) return;
    const float v = image_at(a.input, a.eight_bit, i % a.channels * area + i / a.channels);
    a.output[i] = (v - 0.5f) / 0.5f;
}

struct SingleFuseArgs {
    const float* event;  // as FuseArgs, in single precision
    const float* image;
    const float* weights;  // three layers: [input][output]
    const float* bias;
    const float* position;
    const Corner* rows;
    const Corner* columns;
    float* output;
    int height, width, channels, unused;
};

constexpr int SINGLE_THREADS = 128;

// A block takes 128 / channels pixels, one thread per channel.
KERNEL(single_fuse, SINGLE_THREADS)(SingleFuseArgs a) {
    SHARED(float, z, SINGLE_THREADS);
    const int C = a.channels, o = threadIdx.x % C, first = threadIdx.x / C * C;
    const int pixel = blockIdx.x * (SINGLE_THREADS / C) + threadIdx.x / C;
    // Threads beyond the last pixel compute it again, for the barriers' sake.
    const int inside = min(pixel, a.height * a.width - 1);
    const int y = inside / a.width, x = inside % a.width;
    const auto layer = [&](int index, float v, bool relu) {
        __syncthreads();
        z[threadIdx.x] = v;
        __syncthreads();
        float sum = a.bias[index * C + o];
        for (int c = 0; c < C; c++) sum += z[first + c] * a.weights[(index * C + c) * C + o];
        return relu ? fmaxf(sum, 0.0f) : sum;
    };
    float total = 0.0f, blend = 0.0f;
    for (int corner = 0; corner < 4; corner++) {
        const Corner r = a.rows[corner / 2 * a.height + y];
        const Corner q = a.columns[corner % 2 * a.width + x];
        const float weight = area(r.opposite, q.opposite);
        float v = a.event[r.event + q.event + o] + a.image[r.image + q.image + o] +
                  a.position[o] * r.relative + a.position[C + o] * q.relative;
        v = layer(0, fmaxf(v, 0.0f), true);
        v = layer(1, v, true);
        total += weight;
        blend += weight * v;
    }
    const float v = layer(2, blend / total, false);
    if (pixel == inside) a.output[static_cast<size_t>(pixel) * C + o] = v;
}

struct SingleDeformArgs {
    const float* input;
    const float* offsets;  // (height, width, 3 * kernel * kernel), as published
    const float* weights;  // [tap][input][output]
    const float* bias;
    float* output;
    int height, width, kernel, channels;
};

// As above: every thread samples one channel and computes one output.
KERNEL(single_deform, SINGLE_THREADS)(SingleDeformArgs a) {
    SHARED(float, column, SINGLE_THREADS);
    const int C = a.channels, o = threadIdx.x % C, first = threadIdx.x / C * C;
    const int pixel = blockIdx.x * (SINGLE_THREADS / C) + threadIdx.x / C;
    const int inside = min(pixel, a.height * a.width - 1), taps = a.kernel * a.kernel;
    const int y = inside / a.width, x = inside % a.width;
    const float* given = a.offsets + static_cast<size_t>(inside) * 3 * taps;
    const auto at = [&](int sy, int sx) {
        if (sy < 0 || sy >= a.height || sx < 0 || sx >= a.width) return 0.0f;
        return a.input[(static_cast<size_t>(sy) * a.width + sx) * C + o];
    };
    float sum = a.bias[o];
    for (int tap = 0; tap < taps; tap++) {
        const float sy = y + tap / a.kernel - a.kernel / 2 + given[2 * tap];
        const float sx = x + tap % a.kernel - a.kernel / 2 + given[2 * tap + 1];
        const float mask = 1.0f / (1.0f + expf(-given[2 * taps + tap]));
        float v = 0.0f;
        if (sy > -1.0f && sy < a.height && sx > -1.0f && sx < a.width) {
            const int iy = static_cast<int>(floorf(sy)), ix = static_cast<int>(floorf(sx));
            const float fy = sy - iy, fx = sx - ix;
            v = (1.0f - fy) * ((1.0f - fx) * at(iy, ix) + fx * at(iy, ix + 1)) +
                fy * ((1.0f - fx) * at(iy + 1, ix) + fx * at(iy + 1, ix + 1));
        }
        __syncthreads();
        column[threadIdx.x] = v * mask;
        __syncthreads();
        for (int c = 0; c < C; c++) sum += column[first + c] * a.weights[(tap * C + c) * C + o];
    }
    if (pixel == inside) a.output[static_cast<size_t>(pixel) * C + o] = sum;
}
