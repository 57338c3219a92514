// Modulated deformable convolution (DCNv2, Zhu et al., CVPR 2019). KERNEL: its side; VECTORS:
// channels of a pixel, read and written, in vectors; GROUPS: eight outputs each, in a workgroup.
//
// A workgroup computes 16x8 pixels. For one kernel position after the other, it finds where every
// pixel reads, then samples 16 channels at a time into workgroup memory and multiplies; a thread
// sums four pixels and eight outputs.

struct Layer {
    height: u32,
    width: u32,
    weights: u32,    // the first matrix: [kernel position][input][output]
    bias: u32,       // the first vector
    first_row: u32,  // of those computed, and of `offsets`
    rows: u32,
    stride: u32,     // numbers of a pixel in `offsets`
    unused: u32,
}

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<storage, read> source: array<Map>;
@group(0) @binding(2) var<storage, read> weights: array<mat4x4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
// Row and column of every kernel position in turn, then the masks before their sigmoid.
@group(0) @binding(4) var<storage, read> offsets: array<f32>;
@group(0) @binding(5) var<storage, read_write> result: array<Output>;

const TAPS: u32 = KERNEL * KERNEL;
const THREADS: u32 = SHARING * GROUPS;
const PIXELS: u32 = 4u * SHARING;

// The four samples around the place where a pixel reads, and their parts times the mask.
var<workgroup> places: array<vec4<u32>, PIXELS>;
var<workgroup> parts: array<vec4<f32>, PIXELS>;
// [vector][pixel]
var<workgroup> samples: array<vec4<f32>, PIXELS * 4u>;

// Part of a sample along one axis: zero outside.
fn inside(i: i32, length: u32, part: f32) -> f32 {
    return select(0.0, part, i >= 0 && i < i32(length));
}

fn bounded(i: i32, length: u32) -> u32 {
    return u32(clamp(i, 0, i32(length) - 1));
}

// Whether a pixel of the tile belongs to the rows to compute.
fn computed(y: u32, x: u32) -> bool {
    return y < layer.first_row + layer.rows && x < layer.width;
}

fn find(pixel: u32, y: u32, x: u32, tap: u32) {
    if (!computed(y, x)) {
        return;
    }
    let given = ((y - layer.first_row) * layer.width + x) * layer.stride;
    let mask = 1.0 / (1.0 + exp(-offsets[given + 2u * TAPS + tap]));
    // Clamped where all four samples are outside, so that it fits an integer.
    let position = vec2<f32>(
        f32(y) + f32(tap / KERNEL) - f32(KERNEL / 2u) + offsets[given + 2u * tap],
        f32(x) + f32(tap % KERNEL) - f32(KERNEL / 2u) + offsets[given + 2u * tap + 1u],
    );
    let end = vec2<f32>(f32(layer.height) + 1.0, f32(layer.width) + 1.0);
    let at = clamp(position, vec2<f32>(-2.0), end);
    let whole = floor(at);
    let part = at - whole;
    let corner = vec2<i32>(whole);
    let top = inside(corner.x, layer.height, 1.0 - part.x);
    let bottom = inside(corner.x + 1, layer.height, part.x);
    let left = inside(corner.y, layer.width, 1.0 - part.y);
    let right = inside(corner.y + 1, layer.width, part.y);
    let row = bounded(corner.x, layer.height) * layer.width;
    let below = bounded(corner.x + 1, layer.height) * layer.width;
    let column = bounded(corner.y, layer.width);
    let beside = bounded(corner.y + 1, layer.width);
    places[pixel] = vec4<u32>(row + column, row + beside, below + column, below + beside);
    parts[pixel] = mask * vec4<f32>(top * left, top * right, bottom * left, bottom * right);
}

fn store(y: u32, x: u32, output: u32, sum: vec4<f32>) {
    if (computed(y, x)) {
        result[(y * layer.width + x) * VECTORS + output] = narrow(sum);
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) block: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let y0 = layer.first_row + block.y * 8u;
    let x0 = block.x * 16u;
    let first = thread % SHARING;
    let output = (block.z * GROUPS + thread / SHARING) * 2u;
    var sums = biases(layer.bias + output);
    // Four pixels of a thread are two rows apart. Small maps leave most of a tile empty.
    let y = y0 + first / 16u;
    let x = x0 + first % 16u;
    let busy = computed(y, x);
    var matrix = layer.weights + output;
    for (var tap = 0u; tap < TAPS; tap++) {
        for (var pixel = thread; pixel < PIXELS; pixel += THREADS) {
            find(pixel, y0 + pixel / 16u, x0 + pixel % 16u, tap);
        }
        workgroupBarrier();
        for (var input = 0u; input < VECTORS; input += 4u) {
            for (var i = thread; i < PIXELS * 4u; i += THREADS) {
                let pixel = i / 4u;
                let vector = i % 4u;
                if (!computed(y0 + pixel / 16u, x0 + pixel % 16u)) {
                    continue;
                }
                let place = places[pixel] * VECTORS + vec4<u32>(input + vector);
                let part = parts[pixel];
                samples[vector * PIXELS + pixel] = part.x * vec4<f32>(source[place.x])
                    + part.y * vec4<f32>(source[place.y]) + part.z * vec4<f32>(source[place.z])
                    + part.w * vec4<f32>(source[place.w]);
            }
            workgroupBarrier();
            if (busy) {
                for (var vector = 0u; vector < 4u; vector++) {
                    let place = vector * PIXELS + first;
                    add_products(&sums, matrix, samples[place], samples[place + SHARING],
                        samples[place + 2u * SHARING], samples[place + 3u * SHARING]);
                    matrix += VECTORS;
                }
            }
            workgroupBarrier();
        }
    }
    store(y, x, output, sums.a0);
    store(y, x, output + 1u, sums.b0);
    store(y + 2u, x, output, sums.a1);
    store(y + 2u, x, output + 1u, sums.b1);
    store(y + 4u, x, output, sums.a2);
    store(y + 4u, x, output + 1u, sums.b2);
    store(y + 6u, x, output, sums.a3);
    store(y + 6u, x, output + 1u, sums.b3);
}
