// From events to the event encoder's input. VECTORS: channels of its map in vectors, 24 for
// counts and 25 with the event prior. src/event/eger.rs and src/event/prior.rs are the definitions.

struct Cells {
    height: u32,  // of the map: the sensor's size or larger
    width: u32,
    sensor_height: u32,
    sensor_width: u32,
}

// One target of an exposure.
struct Target {
    overlap: array<vec4<f32>, 4>,  // how long the target lies in each bin, in bins
    total: f32,                    // their sum; zero for an instant
    off_scale: f32,                // factors of the counts per polarity
    on_scale: f32,
    events: u32,
    rounding: f32,
    eight_bit: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> cells: Cells;
@group(0) @binding(1) var<uniform> target_: Target;
@group(0) @binding(2) var<storage, read> counts: array<u32>;  // [pixel of the sensor][96]
@group(0) @binding(3) var<storage, read_write> result: array<Output>;

const COUNT_UNIT: f32 = 0.2;
const MAX_LOG_RATIO: f32 = 3.0;
const LOG_RATIO_SCALE: f32 = 2.0;
const MAX_LEVEL: f32 = 20.0;

// Position that a padded one repeats: mirrored without the edge itself, as often as needed.
fn mirrored(i: u32, length: u32) -> u32 {
    if (length <= 1u) {
        return 0u;
    }
    let period = 2u * (length - 1u);
    let place = i % period;
    return min(place, period - place);
}

// The first count of a place of the map.
fn first_count(pixel: u32) -> u32 {
    let y = mirrored(pixel / cells.width, cells.sensor_height);
    let x = mirrored(pixel % cells.width, cells.sensor_width);
    return (y * cells.sensor_width + x) * 96u;
}

// Counts, scaled where the weights read the prior. One thread per vector.
@compute @workgroup_size(64)
fn scale_counts(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) blocks: vec3<u32>,
) {
    let i = id.y * blocks.x * 64u + id.x;
    let pixel = i / 24u;
    if (pixel >= cells.height * cells.width) {
        return;
    }
    let at = first_count(pixel) + 4u * (i % 24u);
    let v = vec4<f32>(vec4<u32>(counts[at], counts[at + 1u], counts[at + 2u], counts[at + 3u]));
    let scale = vec4<f32>(target_.off_scale, target_.on_scale, target_.off_scale, target_.on_scale);
    result[pixel * VECTORS + i % 24u] = narrow(v * scale);
}

fn exp_level(level: f32) -> f32 {
    return exp(clamp(level, -MAX_LEVEL, MAX_LEVEL));
}

// Mean of the exponential of a level that runs linearly (Simpson's rule).
fn mean_exp(start: f32, end: f32) -> f32 {
    return (exp_level(start) + 4.0 * exp_level(0.5 * (start + end)) + exp_level(end)) / 6.0;
}

// The event prior, the map's last vector. One thread per pixel.
@compute @workgroup_size(64)
fn append_prior(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) blocks: vec3<u32>,
) {
    let pixel = id.y * blocks.x * 64u + id.x;
    if (pixel >= cells.height * cells.width) {
        return;
    }
    let first = first_count(pixel);
    let contrast = vec2<f32>(-target_.off_scale, target_.on_scale) * COUNT_UNIT;
    var level = 0.0;
    var at_instant = 0.0;
    var blurry = 0.0;
    var sharp = 0.0;
    for (var bin = 0u; bin < 16u; bin++) {
        let at = first + bin * 6u;
        let before = dot(contrast, vec2<f32>(vec2<u32>(counts[at], counts[at + 1u])));
        let within = dot(contrast, vec2<f32>(vec2<u32>(counts[at + 2u], counts[at + 3u])));
        let after = dot(contrast, vec2<f32>(vec2<u32>(counts[at + 4u], counts[at + 5u])));
        let reached = level + before;
        let end = reached + within + after;
        blurry += mean_exp(level, end);
        let overlap = target_.overlap[bin / 4u][bin % 4u];
        if (overlap > 0.0) {
            sharp += overlap * mean_exp(reached, reached + within);
        }
        at_instant += before;
        level = end;
    }
    var log_sharp = clamp(at_instant, -MAX_LEVEL, MAX_LEVEL);
    if (target_.total > 0.0) {
        log_sharp = log(sharp / target_.total);
    }
    let ratio = log_sharp - log(blurry / 16.0);
    let both = clamp(vec2<f32>(ratio, -ratio), vec2<f32>(), vec2<f32>(MAX_LOG_RATIO));
    result[pixel * VECTORS + 24u] = narrow(vec4<f32>(both * LOG_RATIO_SCALE, 0.0, 0.0));
}
