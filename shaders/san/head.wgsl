// The end of the network: a 3x3 convolution of 16 channels to three, softplus (the ratio of sharp
// to blurry), and the product with the blurry image. Where that changes the image by no more than the
// network's own error, the blurry one is kept (src/network/shrink.rs). What becomes of four neighbouring
// pixels is in head_buffer.wgsl or head_picture.wgsl, which the host appends.
//
// A workgroup computes 16x16 pixels, a thread four neighbouring ones of a row.

struct Layer {
    height: u32,
    width: u32,     // a multiple of 16
    weights: u32,   // [input][kernel position], a fourth output of zeros
    bias: u32,
    noise: f32,     // the network's own error
    unused0: u32,
    unused1: u32,
    unused2: u32,
}

struct Target {
    overlap: array<vec4<f32>, 4>,
    total: f32,
    off_scale: f32,
    on_scale: f32,
    events: u32,
    rounding: f32,
    eight_bit: u32,  // whether the blurry image is
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<storage, read> source: array<Map>;
@group(0) @binding(2) var<storage, read> weights: array<mat4x4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> blurry: array<u32>;
@group(0) @binding(6) var<uniform> target_: Target;

const VECTORS: u32 = 4u;
const SIDE: u32 = 18u;
const THREADS: u32 = 64u;

// A pixel that differs by more than three standard deviations is a change, even if its cell is not.
const TRUST: f32 = 1.0 / 9.0;

var<workgroup> window: array<vec4<f32>, SIDE * SIDE>;
// Of every thread, the sum of its pixels' squared changes.
var<workgroup> powers: array<f32, THREADS>;

// A pixel's colours: blue, green, red.
struct Pixel {
    blurry: vec3<f32>,
    sharp: vec3<f32>,
    ratio: vec3<f32>,
}

fn input_at(y: i32, x: i32, input: u32) -> vec4<f32> {
    if (y < 0 || x < 0 || y >= i32(layer.height) || x >= i32(layer.width)) {
        return vec4<f32>();
    }
    return vec4<f32>(source[(u32(y) * layer.width + u32(x)) * VECTORS + input]);
}

// Number `at` of the blurry image.
fn image_at(at: u32) -> f32 {
    if (target_.eight_bit != 0u) {
        return fraction_in(blurry[at / 4u], at);
    }
    return bitcast<f32>(blurry[at]);
}

fn softplus(v: vec3<f32>) -> vec3<f32> {
    return max(v, vec3<f32>()) + log(1.0 + exp(-abs(v)));
}

fn pixel(y: u32, x: u32, sums: vec4<f32>) -> Pixel {
    let area = layer.height * layer.width;
    let at = y * layer.width + x;
    let blurry = vec3<f32>(image_at(at), image_at(area + at), image_at(2u * area + at));
    let ratio = softplus(sums.xyz);
    return Pixel(blurry, ratio * blurry, ratio);
}

fn power(p: Pixel) -> f32 {
    let change = p.sharp - p.blurry;
    return dot(change, change) / 3.0;
}

// `p` in a cell whose mean squared change is `cell`.
fn shrunk(p: Pixel, cell: f32) -> Pixel {
    let seen = max(max(cell, power(p) * TRUST), 1e-30);
    let gain = max(1.0 - layer.noise * layer.noise / seen, 0.0);
    return Pixel(p.blurry, p.blurry + gain * (p.sharp - p.blurry), 1.0 + gain * (p.ratio - 1.0));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) block: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let y0 = block.y * 16u;
    let x0 = block.x * 16u;
    let row = thread / 4u;
    let column = thread % 4u * 4u;
    var s0 = bias[layer.bias];
    var s1 = s0;
    var s2 = s0;
    var s3 = s0;
    var matrix = layer.weights;
    for (var input = 0u; input < VECTORS; input++) {
        for (var i = thread; i < SIDE * SIDE; i += THREADS) {
            window[i] = input_at(i32(y0 + i / SIDE) - 1, i32(x0 + i % SIDE) - 1, input);
        }
        workgroupBarrier();
        for (var ky = 0u; ky < 3u; ky++) {
            for (var kx = 0u; kx < 3u; kx++) {
                let place = (row + ky) * SIDE + column + kx;
                let m = weights[matrix];
                s0 += m * window[place];
                s1 += m * window[place + 1u];
                s2 += m * window[place + 2u];
                s3 += m * window[place + 3u];
                matrix += 1u;
            }
        }
        workgroupBarrier();
    }
    // Sides are multiples of 16: every pixel is inside.
    let y = y0 + row;
    let x = x0 + column;
    var p0 = pixel(y, x, s0);
    var p1 = pixel(y, x + 1u, s1);
    var p2 = pixel(y, x + 2u, s2);
    var p3 = pixel(y, x + 3u, s3);
    if (layer.noise > 0.0) {
        powers[thread] = power(p0) + power(p1) + power(p2) + power(p3);
        workgroupBarrier();
        var cell = 0.0;
        for (var i = 0u; i < THREADS; i++) {
            cell += powers[i];
        }
        cell /= 256.0;
        p0 = shrunk(p0, cell);
        p1 = shrunk(p1, cell);
        p2 = shrunk(p2, cell);
        p3 = shrunk(p3, cell);
    }
    finish(y, x, p0, p1, p2, p3);
}
