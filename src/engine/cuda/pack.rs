//! Weights in the order in which the kernels' lanes read them (`kernels/common.cuh`).

use half::f16;

/// Channels that one window of a convolution holds at a time, as `chunk` in `conv.cuh`.
fn chunk(channels: usize) -> usize {
    if channels.is_multiple_of(32) { 32 } else { 16 }
}

/// A convolution's published weights `(cout, cin, k, k)`, `taps` being `k * k`, with as many
/// inputs as its kernel has: those that are added have weights of zero.
pub(super) fn with_inputs(w: &[f32], cin: usize, taps: usize, inputs: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(w.len() / cin.max(1) * inputs);
    for output in w.chunks_exact((cin * taps).max(1)) {
        out.extend_from_slice(output);
        out.resize(out.len() + (inputs - cin) * taps, 0.0);
    }
    out
}

/// B fragments: `steps` products of 16 inputs each. `value(step, input, position)` is the weight
/// from input 0..16 of a step to the output at `position` of the fragments.
fn fragments(steps: usize, outputs: usize, value: impl Fn(usize, usize, usize) -> f32) -> Vec<f16> {
    let mut out = Vec::with_capacity(steps * outputs * 16);
    for step in 0..steps {
        for pair in 0..outputs / 16 {
            for lane in 0..32 {
                let (g, t) = (lane / 4, lane % 4);
                for tile in [2 * pair, 2 * pair + 1] {
                    for k in [2 * t, 2 * t + 1, 2 * t + 8, 2 * t + 9] {
                        out.push(f16::from_f32(value(step, k, tile * 8 + g)));
                    }
                }
            }
        }
    }
    out
}

/// Channel at a position of the fragments' outputs: a lane ends up with neighbouring ones.
fn output_channel(position: usize, channels: usize) -> usize {
    let group = channels.min(32);
    let (tile, g) = (position / 8, position % 8);
    let (j, i) = (tile / (group / 8), tile % (group / 8));
    j * group + group / 4 * (g / 2) + 2 * i + g % 2
}

/// Channel at input `k` of a step, where the inputs are another product's outputs.
fn input_channel(step: usize, k: usize, channels: usize) -> usize {
    let (t, e, upper) = (k % 8 / 2, k % 2, k / 8 * 2);
    if channels < 32 { 4 * t + upper + e } else { step / 2 * 32 + 8 * t + step % 2 * 4 + upper + e }
}

/// A convolution's published weights `(cout, cin, k, k)`; with `natural`, outputs stay in their
/// order and are padded with zeros to a multiple of 16.
pub(super) fn conv(w: &[f32], k: usize, cin: usize, cout: usize, natural: bool) -> Vec<f16> {
    let (chunk, steps) = (chunk(cin), chunk(cin) / 16);
    fragments(cin / 16 * k * k, cout.next_multiple_of(16), |step, i, position| {
        // [chunk][kernel column][16 inputs][kernel row]
        let (ky, rest) = (step % k, step / k);
        let (s, rest) = (rest % steps, rest / steps);
        let (kx, c) = (rest % k, rest / k * chunk + s * 16 + i);
        let o = if natural { position } else { output_channel(position, cout) };
        if o < cout { w[(o * cin + c) * k * k + ky * k + kx] } else { 0.0 }
    })
}

/// The image encoder's first convolution, `(16, 3, 7, 7)`: 4 columns of 4 channels to a step.
pub(super) fn stem(w: &[f32]) -> Vec<f16> {
    fragments(14, 16, |step, i, position| {
        let (ky, kx, c) = (step % 7, step / 7 * 4 + i / 4, i % 4);
        let o = output_channel(position, 16);
        if kx < 7 && c < 3 { w[(o * 3 + c) * 49 + ky * 7 + kx] } else { 0.0 }
    })
}

/// Square matrices `(c, c)` on permuted inputs, one for every entry of `taps`: weight
/// `w[(o * c + i) * taps + tap]`.
pub(super) fn square(w: &[f32], c: usize, taps: usize) -> Vec<f16> {
    fragments(taps * c / 16, c, |step, i, position| {
        let (tap, step) = (step / (c / 16), step % (c / 16));
        w[(output_channel(position, c) * c + input_channel(step, i, c)) * taps + tap]
    })
}

/// A deformable convolution's weights: [`square`], or with 16 channels as `Gather` in `deform.cu` reads
/// them, two taps' inputs together and after an odd last tap one of weight zero.
pub(super) fn deform(w: &[f32], c: usize, taps: usize) -> Vec<f16> {
    if c >= 32 {
        return square(w, c, taps);
    }
    fragments(taps.div_ceil(2) * 2, c, |step, k, position| {
        let t = k % 8 / 2;
        let (tap, input) = (step / 2 * 2 + t / 2, 8 * (t % 2) + step % 2 * 4 + k / 8 * 2 + k % 2);
        if tap < taps { w[(output_channel(position, c) * c + input) * taps + tap] } else { 0.0 }
    })
}

/// A layer `(c, c)` of one pixel's channels that follows a convolution in its kernel, as `project` in
/// `conv.cuh` reads it: up to 32 channels the inputs are that lane's outputs.
pub(super) fn projection(w: &[f32], c: usize) -> Vec<f16> {
    if c > 32 { conv(w, 1, c, c, false) } else { square(w, c, 1) }
}

/// For the single-precision kernels: `[tap][input][output]`, outputs padded to a multiple of 8.
pub(super) fn plain(w: &[f32], k: usize, cin: usize, cout: usize) -> Vec<f32> {
    let (taps, padded) = (k * k, cout.next_multiple_of(8));
    let mut out = vec![0.0; taps * cin * padded];
    for (i, to) in out.chunks_exact_mut(padded).enumerate() {
        let (tap, c) = (i / cin, i % cin);
        for (o, v) in to.iter_mut().take(cout).enumerate() {
            *v = w[(o * cin + c) * taps + tap];
        }
    }
    out
}

/// `bias` padded with zeros to a multiple of `to`.
pub(super) fn padded(bias: &[f32], to: usize) -> Vec<f32> {
    let mut out = bias.to_vec();
    out.resize(bias.len().next_multiple_of(to), 0.0);
    out
}
