// Fusion of event and image features of one level, for any ratio of their sizes: an MLP at
// four corners around every pixel (LIIF, Chen et al., CVPR 2021). VECTORS: channels in vectors.
//
// The first layer is linear and has been applied to both maps; the last is linear too, and is
// applied once to the blend of the four corners. A workgroup computes 512 / VECTORS pixels; a
// thread computes four pixels and eight channels of every layer.

struct Layer {
    height: u32,
    width: u32,
    event_width: u32,
    weights: u32,   // the first matrix: [layer][input][output]
    bias: u32,      // the first vector: [layer][output]
    position: u32,  // likewise, in `bias`: weights of the relative row, then of the column
    rows: u32,      // where the tables of corners begin, [side][row]
    columns: u32,   // [side][column]
}

// What a pixel reads on one side along one axis.
struct Corner {
    event: u32,
    image: u32,
    relative: f32,
}

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<storage, read> event: array<Map>;
@group(0) @binding(2) var<storage, read> weights: array<mat4x4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> image: array<Map>;
@group(0) @binding(5) var<storage, read_write> result: array<Output>;
@group(0) @binding(6) var<storage, read> corners: array<Corner>;

const THREADS: u32 = 64u;
const PIXELS: u32 = 512u / VECTORS;
// How far apart the pixels of a thread are.
const STEP: u32 = SHARING;

// [vector][pixel]
var<workgroup> values: array<vec4<f32>, 512>;

// One layer on `values`, for one thread's part. A thread without pixels is not busy.
fn multiply(index: u32, first: u32, output: u32, busy: bool) -> Sums {
    var s = biases(layer.bias + index * VECTORS + output);
    if (!busy) {
        return s;
    }
    var matrix = layer.weights + index * VECTORS * VECTORS + output;
    for (var input = 0u; input < VECTORS; input++) {
        let place = input * PIXELS + first;
        add_products(&s, matrix, values[place], values[place + STEP], values[place + 2u * STEP],
            values[place + 3u * STEP]);
        matrix += VECTORS;
    }
    return s;
}

fn keep(s: Sums, first: u32, output: u32) {
    let a = output * PIXELS + first;
    let b = a + PIXELS;
    values[a] = s.a0;
    values[a + STEP] = s.a1;
    values[a + 2u * STEP] = s.a2;
    values[a + 3u * STEP] = s.a3;
    values[b] = s.b0;
    values[b + STEP] = s.b1;
    values[b + 2u * STEP] = s.b2;
    values[b + 3u * STEP] = s.b3;
}

fn rectified(s: Sums) -> Sums {
    let zero = vec4<f32>();
    return Sums(max(s.a0, zero), max(s.a1, zero), max(s.a2, zero), max(s.a3, zero),
        max(s.b0, zero), max(s.b1, zero), max(s.b2, zero), max(s.b3, zero));
}

fn row(side: u32, pixel: u32) -> Corner {
    return corners[layer.rows + side * layer.height + pixel / layer.width];
}

fn column(side: u32, pixel: u32) -> Corner {
    return corners[layer.columns + side * layer.width + pixel % layer.width];
}

fn bounded(pixel: u32) -> u32 {
    return min(pixel, layer.height * layer.width - 1u);
}

// The first layer's result for one pixel at one corner, of eight channels.
fn gather(pixel: u32, corner: u32, place: u32, output: u32) {
    let r = row(corner / 2u, pixel);
    let q = column(corner % 2u, pixel);
    let from_event = (r.event * layer.event_width + q.event) * VECTORS + output;
    let from_image = (r.image * layer.width + q.image) * VECTORS + output;
    for (var i = 0u; i < 2u; i++) {
        let position = bias[layer.position + output + i] * r.relative
            + bias[layer.position + VECTORS + output + i] * q.relative;
        let v = vec4<f32>(event[from_event + i]) + vec4<f32>(image[from_image + i]) + position;
        values[(output + i) * PIXELS + place] = max(v, vec4<f32>());
    }
}

// The corner's weight is the area that the opposite one spans.
fn area(pixel: u32, corner: u32) -> f32 {
    let r = row(1u - corner / 2u, pixel);
    let q = column(1u - corner % 2u, pixel);
    return abs(r.relative * q.relative) + 1e-9;
}

fn store(pixel: u32, output: u32, a: vec4<f32>, b: vec4<f32>) {
    if (pixel < layer.height * layer.width) {
        result[pixel * VECTORS + output] = narrow(a);
        result[pixel * VECTORS + output + 1u] = narrow(b);
    }
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) block: vec3<u32>,
    @builtin(num_workgroups) blocks: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let first = thread % SHARING;
    let output = thread / SHARING * 2u;
    let start = (block.y * blocks.x + block.x) * PIXELS + first;
    let busy = start < layer.height * layer.width;
    let p0 = bounded(start);
    let p1 = bounded(start + STEP);
    let p2 = bounded(start + 2u * STEP);
    let p3 = bounded(start + 3u * STEP);
    var blend = Sums();
    var total = vec4<f32>();
    for (var corner = 0u; corner < 4u; corner++) {
        gather(p0, corner, first, output);
        gather(p1, corner, first + STEP, output);
        gather(p2, corner, first + 2u * STEP, output);
        gather(p3, corner, first + 3u * STEP, output);
        workgroupBarrier();
        let one = rectified(multiply(0u, first, output, busy));
        workgroupBarrier();
        keep(one, first, output);
        workgroupBarrier();
        let two = rectified(multiply(1u, first, output, busy));
        workgroupBarrier();
        let w = vec4<f32>(area(p0, corner), area(p1, corner), area(p2, corner), area(p3, corner));
        total += w;
        blend.a0 += w.x * two.a0;
        blend.b0 += w.x * two.b0;
        blend.a1 += w.y * two.a1;
        blend.b1 += w.y * two.b1;
        blend.a2 += w.z * two.a2;
        blend.b2 += w.z * two.b2;
        blend.a3 += w.w * two.a3;
        blend.b3 += w.w * two.b3;
    }
    let share = 1.0 / total;
    keep(Sums(blend.a0 * share.x, blend.a1 * share.y, blend.a2 * share.z, blend.a3 * share.w,
        blend.b0 * share.x, blend.b1 * share.y, blend.b2 * share.z, blend.b3 * share.w),
        first, output);
    workgroupBarrier();
    let last = multiply(2u, first, output, busy);
    store(start, output, last.a0, last.b0);
    store(start + STEP, output, last.a1, last.b1);
    store(start + 2u * STEP, output, last.a2, last.b2);
    store(start + 3u * STEP, output, last.a3, last.b3);
}
