// The end of conv.wgsl for every device.
//
// A workgroup computes 16x16 pixels and 16 outputs. Four input channels at a time, the pixels
// under all kernel positions lie in workgroup memory; a thread sums four pixels and eight outputs.

// [input][kernel position][output]
@group(0) @binding(2) var<storage, read> weights: array<mat4x4<f32>>;

const SIDE: u32 = 16u + KERNEL - 1u;
const THREADS: u32 = 2u * SHARING;

var<workgroup> window: array<vec4<f32>, SIDE * SIDE>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) block: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let y0 = layer.first_row + block.y * 16u;
    let x0 = block.x * 16u;
    // A row of 16 pixels belongs to four threads; pixels of one thread are four apart, so that
    // neighbouring threads read neighbouring vectors.
    let row = thread % SHARING / 4u;
    let column = thread % 4u;
    let output = block.z * 4u + thread / SHARING * 2u;
    var sums = biases(layer.bias + output);
    // Small maps leave most of a tile empty.
    let busy = y0 + row < layer.first_row + layer.rows && x0 + column < layer.width;
    var matrix = layer.weights + output;
    for (var input = 0u; input < layer.inputs; input++) {
        for (var i = thread; i < SIDE * SIDE; i += THREADS) {
            let y = i32(y0 + i / SIDE) - i32(RADIUS);
            let x = i32(x0 + i % SIDE) - i32(RADIUS);
            window[i] = input_at(y, x, input);
        }
        workgroupBarrier();
        if (busy) {
            for (var ky = 0u; ky < KERNEL; ky++) {
                for (var kx = 0u; kx < KERNEL; kx++) {
                    let place = (row + ky) * SIDE + column + kx;
                    add_products(&sums, matrix, window[place], window[place + 4u],
                        window[place + 8u], window[place + 12u]);
                    matrix += layer.outputs;
                }
            }
        }
        workgroupBarrier();
    }
    let y = y0 + row;
    let x = x0 + column;
    store(y, x, output, sums.a0);
    store(y, x, output + 1u, sums.b0);
    store(y, x + 4u, output, sums.a1);
    store(y, x + 4u, output + 1u, sums.b1);
    store(y, x + 8u, output, sums.a2);
    store(y, x + 8u, output + 1u, sums.b2);
    store(y, x + 12u, output, sums.a3);
    store(y, x + 12u, output + 1u, sums.b3);
}
