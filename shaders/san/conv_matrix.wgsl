// The end of conv.wgsl for devices with cooperative matrices: the convolution as a product of
// matrices of TILE x TILE numbers in half precision, summed in single precision.
//
// A workgroup computes TILE x 4 pixels and TILE outputs. TILE input channels at a time, the pixels
// under all kernel positions lie in workgroup memory. A product's rows are neighbouring pixels of a
// row of the image, so that every kernel position reads the same memory, one pixel further.
// THREADS is the size of the largest subgroup; smaller ones compute the same sums several times.

// [input / TILE][kernel position][output / TILE][input % TILE][output % TILE]
@group(0) @binding(2) var<storage, read> weights: array<f16>;

const ROWS: u32 = 4u;
const WIDE: u32 = TILE + KERNEL - 1u;
const HIGH: u32 = ROWS + KERNEL - 1u;
// Vectors of a pixel's channels in a tile.
const VECTORS: u32 = TILE / 4u;

// [row][column][channel]
var<workgroup> window: array<f16, HIGH * WIDE * TILE>;
// [row][column][output]
var<workgroup> sums: array<f32, ROWS * TILE * TILE>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) block: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let y0 = layer.first_row + block.y * ROWS;
    let x0 = block.x * TILE;
    let output = block.z * VECTORS;
    for (var i = thread; i < ROWS * TILE * TILE; i += THREADS) {
        let channel = i % TILE;
        sums[i] = bias[layer.bias + output + channel / 4u][channel % 4u];
    }
    workgroupBarrier();
    var c0 = coopLoadT<CoopSum>(&sums[0u], TILE);
    var c1 = coopLoadT<CoopSum>(&sums[TILE * TILE], TILE);
    var c2 = coopLoadT<CoopSum>(&sums[2u * TILE * TILE], TILE);
    var c3 = coopLoadT<CoopSum>(&sums[3u * TILE * TILE], TILE);
    let step = layer.outputs * 4u * TILE;
    var matrix = layer.weights + block.z * TILE * TILE;
    for (var input = 0u; input < layer.inputs; input += VECTORS) {
        workgroupBarrier();
        for (var i = thread; i < HIGH * WIDE * VECTORS; i += THREADS) {
            let pixel = i / VECTORS;
            let y = i32(y0 + pixel / WIDE) - i32(RADIUS);
            let x = i32(x0 + pixel % WIDE) - i32(RADIUS);
            let v = vec4<f16>(input_at(y, x, input + i % VECTORS));
            window[4u * i] = v.x;
            window[4u * i + 1u] = v.y;
            window[4u * i + 2u] = v.z;
            window[4u * i + 3u] = v.w;
        }
        workgroupBarrier();
        for (var ky = 0u; ky < KERNEL; ky++) {
            for (var kx = 0u; kx < KERNEL; kx++) {
                let place = (ky * WIDE + kx) * TILE;
                let b = coopLoadT<CoopRight>(&weights[matrix], TILE);
                let a0 = coopLoadT<CoopLeft>(&window[place], TILE);
                let a1 = coopLoadT<CoopLeft>(&window[place + WIDE * TILE], TILE);
                let a2 = coopLoadT<CoopLeft>(&window[place + 2u * WIDE * TILE], TILE);
                let a3 = coopLoadT<CoopLeft>(&window[place + 3u * WIDE * TILE], TILE);
                c0 = coopMultiplyAdd(a0, b, c0);
                c1 = coopMultiplyAdd(a1, b, c1);
                c2 = coopMultiplyAdd(a2, b, c2);
                c3 = coopMultiplyAdd(a3, b, c3);
                matrix += step;
            }
        }
    }
    workgroupBarrier();
    coopStoreT(c0, &sums[0u], TILE);
    coopStoreT(c1, &sums[TILE * TILE], TILE);
    coopStoreT(c2, &sums[2u * TILE * TILE], TILE);
    coopStoreT(c3, &sums[3u * TILE * TILE], TILE);
    workgroupBarrier();
    for (var i = thread; i < ROWS * TILE * VECTORS; i += THREADS) {
        let pixel = i / VECTORS;
        let v = vec4<f32>(sums[4u * i], sums[4u * i + 1u], sums[4u * i + 2u], sums[4u * i + 3u]);
        store(y0 + pixel / TILE, x0 + pixel % TILE, output + i % VECTORS, v);
    }
}
