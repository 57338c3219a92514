// The end of the network: a 3x3 convolution of 16 channels to three, softplus (the ratio of sharp
// to blurry), and the product with the blurry image. What becomes of four neighbouring pixels is in
// head_buffer.wgsl or head_picture.wgsl, which the host appends.
//
// A workgroup computes 16x16 pixels, a thread four neighbouring ones of a row.

struct Layer {
    height: u32,
    width: u32,     // a multiple of 16
    weights: u32,   // [input][kernel position], a fourth output of zeros
    bias: u32,
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

var<workgroup> window: array<vec4<f32>, SIDE * SIDE>;

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

fn softplus(v: vec4<f32>) -> vec4<f32> {
    return max(v, vec4<f32>()) + log(1.0 + exp(-abs(v)));
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
    finish(y0 + row, x0 + column, s0, s1, s2, s3);
}
