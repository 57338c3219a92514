//! Pooling and bicubic upsampling, forward and backward. Both are linear, so the backward pass
//! applies the transposed weights.

use super::map::Map;

/// The mean of every 2x2 block; an odd last row or column is dropped.
pub(super) fn pool(input: &Map, pad: usize) -> Map {
    let mut out = Map::zeros(input.h / 2, input.w / 2, input.c, pad);
    let c = input.c;
    for y in 0..out.h {
        let (top, bottom) = (input.row(2 * y), input.row(2 * y + 1));
        for (x, pixel) in out.row_mut(y).chunks_exact_mut(c).enumerate() {
            let (t, b) = (&top[2 * x * c..][..2 * c], &bottom[2 * x * c..][..2 * c]);
            for (i, v) in pixel.iter_mut().enumerate() {
                *v = 0.25 * (t[i] + t[i + c] + b[i] + b[i + c]);
            }
        }
    }
    out
}

/// Adds the derivative of [`pool`]'s input to `input`.
pub(super) fn unpool(output: &Map, input: &mut Map) {
    let c = output.c;
    for y in 0..output.h {
        for part in 0..2 {
            let row = input.row_mut(2 * y + part);
            for (two, from) in row.chunks_exact_mut(2 * c).zip(output.row(y).chunks_exact(c)) {
                let (left, right) = two.split_at_mut(c);
                for ((l, r), v) in left.iter_mut().zip(right).zip(from) {
                    *l += 0.25 * v;
                    *r += 0.25 * v;
                }
            }
        }
    }
}

/// Weights of the four samples around an output, for even and odd outputs: cubic convolution with a
/// = -0.75, as in PyTorch, at distances 0.75 and 0.25.
fn phases() -> [[f32; 4]; 2] {
    const A: f32 = -0.75;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let taps = |t: f32| [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
    [taps(0.75), taps(0.25)]
}

/// The four samples around output `i` of an axis of `n`, clamped to the edge.
fn samples(i: usize, n: usize) -> [usize; 4] {
    let base = i.div_ceil(2);
    std::array::from_fn(|k| (base + k).saturating_sub(2).min(n - 1))
}

/// Upsamples by two, with pixel centres aligned as in PyTorch with `align_corners=False`.
pub(super) fn upsample(input: &Map, pad: usize) -> Map {
    let (phases, c) = (phases(), input.c);
    let mut out = Map::zeros(input.h * 2, input.w * 2, c, pad);
    let mut blend = vec![0.0_f32; input.w * c];
    for y in 0..out.h {
        let [a, b, d, e] = samples(y, input.h).map(|s| input.row(s));
        let p = phases[y % 2];
        for (i, v) in blend.iter_mut().enumerate() {
            *v = p[0] * a[i] + p[1] * b[i] + p[2] * d[i] + p[3] * e[i];
        }
        for (x, pixel) in out.row_mut(y).chunks_exact_mut(c).enumerate() {
            let [a, b, d, e] = samples(x, input.w).map(|s| &blend[s * c..][..c]);
            let p = phases[x % 2];
            for (i, v) in pixel.iter_mut().enumerate() {
                *v = p[0] * a[i] + p[1] * b[i] + p[2] * d[i] + p[3] * e[i];
            }
        }
    }
    out
}

/// The derivative of [`upsample`]'s input.
pub(super) fn downsample(output: &Map) -> Map {
    let (phases, c) = (phases(), output.c);
    let mut input = Map::zeros(output.h / 2, output.w / 2, c, 0);
    let mut blend = vec![0.0_f32; input.w * c];
    for y in 0..output.h {
        blend.fill(0.0);
        for (x, pixel) in output.row(y).chunks_exact(c).enumerate() {
            for (s, p) in samples(x, input.w).into_iter().zip(phases[x % 2]) {
                let to = &mut blend[s * c..][..c];
                to.iter_mut().zip(pixel).for_each(|(t, v)| *t += p * v);
            }
        }
        for (s, p) in samples(y, input.h).into_iter().zip(phases[y % 2]) {
            input.row_mut(s).iter_mut().zip(&blend).for_each(|(t, v)| *t += p * v);
        }
    }
    input
}
