//! SAN in one sitting: the published network in scalar double precision, written from its
//! definition (GEM, ICCV 2023, section 3.2) to be read, not to be fast. Every engine and trainer
//! is tested against it.
//!
//! Shapes are `(channels, height, width)`; `h x w` is the image's size, `eh x ew` the event map's.
//! The image's sides are multiples of 16, the event map's at least 16.
//!
//! ```text
//! event tensor (96 or 98, eh, ew) -> ev_enc  five levels of features, 16 to 128 channels
//! blurry image (3, h, w)          -> im_enc  the same levels; each halves both sides
//! every level                     -> msff    an MLP at four corners around every pixel of the
//!                                            image's grid, then a deformable convolution
//! decoder                         -> dec     upsample, convolve, add the next finer level,
//!                                            convolve; four times
//! head                                       softplus: the ratio of sharp over blurry (3, h, w)
//! ```
//!
//! Weights may state the network's own noise; changes below it are then undone (`shrink.rs`).

#![allow(clippy::indexing_slicing, reason = "indices follow from the layers' own shapes")]

use super::chw::{Chw, ReferenceOutput};
use super::shrink::shrink;
use super::{FUSION_LEVELS, Weights};

/// Runs the network on an event tensor `(96 or 98, eh, ew)` and a blurry image `(3, h, w)` in
/// `[0, 1]`, blue, green and red.
pub fn reference(weights: &Weights, events: &Chw, blurry: &Chw) -> ReferenceOutput {
    let san = San(weights);
    let image = san.encoder("im_enc", &blurry.clone().map(|v| (v - 0.5) / 0.5));
    let events = san.encoder("ev_enc", events);
    let mut fused: Vec<Chw> = Vec::new();
    for (i, ((e, m), level)) in events.iter().zip(&image).zip(FUSION_LEVELS).enumerate() {
        let joined = san.fuse(i + 1, e, m);
        fused.push(san.deform(&format!("msff{}.dcn", i + 1), level.kernel, &joined));
    }
    let mut x = fused.pop().unwrap_or_default();
    for (i, skip) in fused.iter().rev().enumerate() {
        let name = format!("dec.up{}", i + 1);
        x = san.conv_relu(&format!("{name}.conv1"), 3, &upsample(&x)).plus(skip);
        x = san.conv_relu(&format!("{name}.conv2"), 3, &x);
    }
    // Softplus.
    let ratio = san.conv("dec.conv", 3, &x).map(|v| v.max(0.0) + (-v.abs()).exp().ln_1p());
    let mut latent = ratio.clone();
    latent.data.iter_mut().zip(&blurry.data).for_each(|(r, b)| *r *= b);
    let mut output = ReferenceOutput { latent, ratio };
    shrink(&mut output, blurry, f64::from(weights.residual_noise()));
    output
}

/// Kernel sides of the encoders' convolutions after each halving.
const DOWN_KERNELS: [usize; 4] = [5, 3, 3, 3];

/// The layers, by the names of their weights.
struct San<'a>(&'a Weights);

impl San<'_> {
    fn get(&self, name: String) -> &[f32] {
        self.0.get(&name)
    }

    /// A convolution of side `k` with zero padding: `(inputs, h, w)` to `(outputs, h, w)`.
    fn conv(&self, name: &str, k: usize, x: &Chw) -> Chw {
        let (w, b) = (self.get(format!("{name}.weight")), self.get(format!("{name}.bias")));
        let half = (k / 2) as isize;
        Chw::from_fn(b.len(), x.h, x.w, |o, y, xx| {
            let mut sum = f64::from(b[o]);
            for i in 0..x.c {
                for t in 0..k * k {
                    let (dy, dx) = ((t / k) as isize - half, (t % k) as isize - half);
                    let v = x.at(i, y as isize + dy, xx as isize + dx);
                    sum += f64::from(w[(o * x.c + i) * k * k + t]) * v;
                }
            }
            sum
        })
    }

    fn conv_relu(&self, name: &str, k: usize, x: &Chw) -> Chw {
        self.conv(name, k, x).map(|v| v.max(0.0))
    }

    /// Features of five levels: the input's size, then halved four times by average pooling,
    /// which drops an odd last row or column.
    fn encoder(&self, name: &str, x: &Chw) -> Vec<Chw> {
        let stem = self.conv_relu(&format!("{name}.conv1"), 7, x);
        let mut f = self.conv_relu(&format!("{name}.conv2"), 7, &stem);
        let mut features = Vec::new();
        for (i, k) in DOWN_KERNELS.into_iter().enumerate() {
            let pooled = Chw::from_fn(f.c, f.h / 2, f.w / 2, |c, y, x| {
                let (y, x) = (2 * y as isize, 2 * x as isize);
                (f.at(c, y, x) + f.at(c, y, x + 1) + f.at(c, y + 1, x) + f.at(c, y + 1, x + 1))
                    / 4.0
            });
            let first = self.conv_relu(&format!("{name}.down{}.conv1", i + 1), k, &pooled);
            features.push(f);
            f = self.conv_relu(&format!("{name}.down{}.conv2", i + 1), k, &first);
        }
        features.push(f);
        features
    }

    /// Multi-scale feature fusion of one level: event features `(c, eh, ew)` and image features
    /// `(c, h, w)` to `(c, h, w)`, for any ratio of both sizes.
    ///
    /// For every pixel, an MLP sees the event and image features at four corners half an event cell
    /// away, with the pixel's place relative to the corner's cell and the cell's size in pixels.
    /// Its results are weighted by the area that the opposite corner spans (LIIF, Chen et al., CVPR
    /// 2021).
    fn fuse(&self, level: usize, ev: &Chw, im: &Chw) -> Chw {
        let c = im.c;
        let mut out = Chw { c, h: im.h, w: im.w, data: vec![0.0; c * im.h * im.w] };
        for (y, x) in (0..im.h).flat_map(|y| (0..im.w).map(move |x| (y, x))) {
            let mut corners = Vec::new();
            for (sy, sx) in [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)] {
                let (row, column) = (Corner::of(y, sy, im.h, ev.h), Corner::of(x, sx, im.w, ev.w));
                let mut z: Vec<f64> = (0..c).map(|k| ev.at(k, row.cell, column.cell)).collect();
                let cell = [(ev.h, im.h), (ev.w, im.w)].map(|(a, b)| 2.0 * a as f64 / b as f64);
                z.extend([row.relative, column.relative, cell[0], cell[1]]);
                z.extend((0..c).map(|k| im.at(k, row.pixel, column.pixel)));
                for layer in [0, 2, 4, 6] {
                    z = self.linear(&format!("msff{level}.mlp.imnet.layers.{layer}"), &z);
                    if layer < 6 {
                        z.iter_mut().for_each(|v| *v = v.max(0.0));
                    }
                }
                corners.push(((row.relative * column.relative).abs() + 1e-9, z));
            }
            let total: f64 = corners.iter().map(|(area, _)| area).sum();
            for (i, (_, z)) in corners.iter().enumerate() {
                let weight = corners[3 - i].0 / total;
                for (k, v) in z.iter().enumerate() {
                    out.data[(k * im.h + y) * im.w + x] += weight * v;
                }
            }
        }
        out
    }

    fn linear(&self, name: &str, z: &[f64]) -> Vec<f64> {
        let (w, b) = (self.get(format!("{name}.weight")), self.get(format!("{name}.bias")));
        let dot = |w: &[f32]| w.iter().zip(z).map(|(w, v)| f64::from(*w) * v).sum::<f64>();
        b.iter().zip(w.chunks_exact(z.len())).map(|(b, w)| f64::from(*b) + dot(w)).collect()
    }

    /// Modulated deformable convolution (DCNv2, Zhu et al., CVPR 2019). A convolution of the input
    /// computes per pixel and tap an offset (dy, dx) and a mask's logit. Outside reads zero.
    fn deform(&self, name: &str, k: usize, x: &Chw) -> Chw {
        let offsets = self.conv(&format!("{name}.conv_offset_mask"), k, x);
        let (w, b) = (self.get(format!("{name}.weight")), self.get(format!("{name}.bias")));
        let taps = k * k;
        let mut out = Chw::from_fn(b.len(), x.h, x.w, |o, _, _| f64::from(b[o]));
        for (y, xx) in (0..x.h).flat_map(|y| (0..x.w).map(move |xx| (y, xx))) {
            for t in 0..taps {
                let given = |c: usize| offsets.at(c, y as isize, xx as isize);
                let sy = y as f64 + (t / k) as f64 - (k / 2) as f64 + given(2 * t);
                let sx = xx as f64 + (t % k) as f64 - (k / 2) as f64 + given(2 * t + 1);
                let mask = 1.0 / (1.0 + (-given(2 * taps + t)).exp());
                let (y0, x0) = (sy.floor(), sx.floor());
                let (fy, fx) = (sy - y0, sx - x0);
                for i in 0..x.c {
                    let at = |dy: isize, dx: isize| x.at(i, y0 as isize + dy, x0 as isize + dx);
                    let v = (1.0 - fy) * ((1.0 - fx) * at(0, 0) + fx * at(0, 1))
                        + fy * ((1.0 - fx) * at(1, 0) + fx * at(1, 1));
                    for o in 0..b.len() {
                        out.data[(o * x.h + y) * x.w + xx] +=
                            f64::from(w[(o * x.c + i) * taps + t]) * v * mask;
                    }
                }
            }
        }
        out
    }
}

/// Along one axis, a corner of a pixel's surroundings.
struct Corner {
    /// The event cell that the corner lies in.
    cell: isize,
    /// The pixel that the corner lies in.
    pixel: isize,
    /// The pixel's centre relative to the cell's, in cells of length 2.
    relative: f64,
}

impl Corner {
    /// Of pixel `i` of `n`, on `side` -1 or 1, with `cells` event cells along the axis; all
    /// coordinates run from -1 to 1.
    fn of(i: usize, side: f64, n: usize, cells: usize) -> Self {
        let centre = -1.0 + (2.0 * i as f64 + 1.0) / n as f64;
        let corner = (centre + side / cells as f64 + 1e-6).clamp(-1.0 + 1e-6, 1.0 - 1e-6);
        let nearest = |n: usize| {
            let at = (((corner + 1.0) * n as f64 - 1.0) / 2.0).round_ties_even();
            (at.max(0.0) as usize).min(n - 1)
        };
        let cell = nearest(cells);
        let relative = (centre - (-1.0 + (2.0 * cell as f64 + 1.0) / cells as f64)) * cells as f64;
        Self { cell: cell as isize, pixel: nearest(n) as isize, relative }
    }
}

/// Twice the size by bicubic interpolation with a = -0.75, edges not aligned, as PyTorch computes
/// it.
fn upsample(x: &Chw) -> Chw {
    let a = -0.75;
    let kernel = |d: f64| {
        let d = d.abs();
        if d <= 1.0 {
            ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
        } else if d < 2.0 {
            ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
        } else {
            0.0
        }
    };
    Chw::from_fn(x.c, 2 * x.h, 2 * x.w, |c, y, xx| {
        let source = |i: usize| (i as f64 + 0.5) / 2.0 - 0.5;
        let (sy, sx) = (source(y), source(xx));
        let mut sum = 0.0;
        for j in -1..3 {
            for i in -1..3 {
                let (py, px) = (sy.floor() + f64::from(j), sx.floor() + f64::from(i));
                let clamp = |v: f64, n: usize| v.clamp(0.0, n as f64 - 1.0) as isize;
                let v = x.at(c, clamp(py, x.h), clamp(px, x.w));
                sum += kernel(sy - py) * kernel(sx - px) * v;
            }
        }
        sum
    })
}
