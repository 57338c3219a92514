// Convolution with zero padding. KERNEL: its side; SOURCE: what it reads; RECTIFY and ADD: what
// it does with the sums, in this order. The host appends conv_plain.wgsl or conv_matrix.wgsl.

const PLAIN: u32 = 0u;
// The mean of every 2x2 block of a map of twice the size.
const POOLED: u32 = 1u;
// A map of half the size, enlarged.
const UPSAMPLED: u32 = 2u;

struct Layer {
    height: u32,         // of the convolution
    width: u32,
    source_height: u32,  // of the map that is read
    source_width: u32,
    inputs: u32,         // in vectors
    outputs: u32,        // in vectors, a multiple of four
    weights: u32,        // the first element of its weights
    bias: u32,           // the first vector
    first_row: u32,      // the output begins with this row
    rows: u32,           // and has so many
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<storage, read> source: array<Map>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> skip: array<Map>;
@group(0) @binding(5) var<storage, read_write> result: array<Output>;

const RADIUS: u32 = KERNEL / 2u;

fn at(y: u32, x: u32, input: u32) -> vec4<f32> {
    return vec4<f32>(source[(y * layer.source_width + x) * layer.inputs + input]);
}

// Bicubic weights, a = -0.75, of the four samples around output i of an enlargement by two:
// positions are half a sample apart, so that there are only two sets.
fn cubic(i: u32) -> vec4<f32> {
    let even = vec4<f32>(-0.03515625, 0.26171875, 0.87890625, -0.10546875);
    return select(even.wzyx, even, i % 2u == 0u);
}

// The first of these samples.
fn first_sample(i: u32) -> i32 {
    return i32((i + 1u) / 2u) - 2;
}

fn row_of(y: u32, x: vec4<u32>, across: vec4<f32>, input: u32) -> vec4<f32> {
    return at(y, x.x, input) * across.x + at(y, x.y, input) * across.y
        + at(y, x.z, input) * across.z + at(y, x.w, input) * across.w;
}

fn samples(i: u32, length: u32) -> vec4<u32> {
    let unbounded = vec4<i32>(first_sample(i)) + vec4<i32>(0, 1, 2, 3);
    return vec4<u32>(clamp(unbounded, vec4<i32>(0), vec4<i32>(i32(length) - 1)));
}

// The convolution's input at a place; zero outside.
fn input_at(y: i32, x: i32, input: u32) -> vec4<f32> {
    if (y < 0 || x < 0 || y >= i32(layer.height) || x >= i32(layer.width)) {
        return vec4<f32>();
    }
    let row = u32(y);
    let column = u32(x);
    if (SOURCE == POOLED) {
        return 0.25 * (at(2u * row, 2u * column, input) + at(2u * row, 2u * column + 1u, input)
            + at(2u * row + 1u, 2u * column, input) + at(2u * row + 1u, 2u * column + 1u, input));
    }
    if (SOURCE == UPSAMPLED) {
        let ys = samples(row, layer.source_height);
        let xs = samples(column, layer.source_width);
        let down = cubic(row);
        let across = cubic(column);
        return row_of(ys.x, xs, across, input) * down.x + row_of(ys.y, xs, across, input) * down.y
            + row_of(ys.z, xs, across, input) * down.z + row_of(ys.w, xs, across, input) * down.w;
    }
    return at(row, column, input);
}

fn store(y: u32, x: u32, output: u32, sum: vec4<f32>) {
    if (y >= layer.first_row + layer.rows || x >= layer.width) {
        return;
    }
    let place = ((y - layer.first_row) * layer.width + x) * layer.outputs + output;
    var v = sum;
    if (RECTIFY) {
        v = max(v, vec4<f32>());
    }
    if (ADD) {
        v += vec4<f32>(skip[place]);
    }
    result[place] = narrow(v);
}
