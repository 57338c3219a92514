//! SAN as published, in scalar double precision, written from its definition. The engines are
//! compared with it, also where PyTorch's results are not available.

#![allow(dead_code, reason = "every test uses only a part")]
#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use gem_live::event::EventInput;
use gem_live::network::{Tensor, Weights, parameters};
use rand::{Rng, SeedableRng};

/// Weights of typical size, with offsets of about a pixel.
pub fn random_weights(seed: u64) -> Weights {
    random_weights_for(EventInput::Counts, seed)
}

/// The same for the network that reads `event_input`.
pub fn random_weights_for(event_input: EventInput, seed: u64) -> Weights {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let one = |(name, shape): (String, Vec<usize>)| {
        let inputs: usize = shape.iter().skip(1).product();
        let bound = if shape.len() > 1 { (3.0 / inputs as f32).sqrt() } else { 0.3 };
        let data = (0..shape.iter().product()).map(|_| rng.random_range(-bound..bound)).collect();
        (name, Tensor { shape, data })
    };
    Weights::from_tensors(parameters(event_input).into_iter().map(one).collect()).unwrap()
}

/// `(channels, height, width)` values.
#[derive(Clone)]
pub struct Chw {
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub data: Vec<f64>,
}

impl Chw {
    pub fn from_fn(
        c: usize,
        h: usize,
        w: usize,
        mut f: impl FnMut(usize, usize, usize) -> f64,
    ) -> Self {
        let mut data = Vec::with_capacity(c * h * w);
        for i in 0..c * h * w {
            data.push(f(i / (h * w), i / w % h, i % w));
        }
        Self { c, h, w, data }
    }

    /// The value at a position; zero outside.
    pub fn at(&self, c: usize, y: isize, x: isize) -> f64 {
        if y < 0 || x < 0 || y >= self.h as isize || x >= self.w as isize {
            return 0.0;
        }
        self.data[(c * self.h + y as usize) * self.w + x as usize]
    }

    fn map(mut self, f: impl Fn(f64) -> f64) -> Self {
        self.data.iter_mut().for_each(|v| *v = f(*v));
        self
    }

    fn plus(mut self, other: &Self) -> Self {
        self.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a += b);
        self
    }
}

pub struct San<'a>(pub &'a Weights);

impl San<'_> {
    fn get(&self, name: String) -> &[f32] {
        let found = self.0.get(&name);
        assert!(!found.is_empty(), "{name}");
        found
    }

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

    fn encoder(&self, name: &str, x: &Chw) -> Vec<Chw> {
        let stem = self.conv_relu(&format!("{name}.conv1"), 7, x);
        let mut features = vec![self.conv_relu(&format!("{name}.conv2"), 7, &stem)];
        for (i, k) in [5, 3, 3, 3].into_iter().enumerate() {
            let f = features.last().unwrap();
            let pooled = Chw::from_fn(f.c, f.h / 2, f.w / 2, |c, y, x| {
                let (y, x) = (2 * y as isize, 2 * x as isize);
                (f.at(c, y, x) + f.at(c, y, x + 1) + f.at(c, y + 1, x) + f.at(c, y + 1, x + 1))
                    / 4.0
            });
            let first = self.conv_relu(&format!("{name}.down{}.conv1", i + 1), k, &pooled);
            features.push(self.conv_relu(&format!("{name}.down{}.conv2", i + 1), k, &first));
        }
        features
    }

    /// The published form: every layer of the MLP at each of the four corners.
    fn fuse(&self, level: usize, ev: &Chw, im: &Chw) -> Chw {
        let c = im.c;
        let layer = |l: usize, z: &[f64]| -> Vec<f64> {
            let w = self.get(format!("msff{level}.mlp.imnet.layers.{l}.weight"));
            let b = self.get(format!("msff{level}.mlp.imnet.layers.{l}.bias"));
            (b.iter().zip(w.chunks_exact(z.len())))
                .map(|(b, w)| {
                    f64::from(*b) + w.iter().zip(z).map(|(w, v)| f64::from(*w) * v).sum::<f64>()
                })
                .collect()
        };
        let corner = |i: usize, side: f64, n: usize, cells: usize| {
            let centre = -1.0 + (2.0 * i as f64 + 1.0) / n as f64;
            let q = (centre + side / cells as f64 + 1e-6).clamp(-1.0 + 1e-6, 1.0 - 1e-6);
            let nearest = |n: usize| {
                let at = (((q + 1.0) * n as f64 - 1.0) / 2.0).round_ties_even();
                (at.max(0.0) as usize).min(n - 1)
            };
            let e = nearest(cells);
            let relative = (centre - (-1.0 + (2.0 * e as f64 + 1.0) / cells as f64)) * cells as f64;
            (e as isize, nearest(n) as isize, relative)
        };
        let mut out = Chw { c, h: im.h, w: im.w, data: vec![0.0; c * im.h * im.w] };
        for y in 0..im.h {
            for x in 0..im.w {
                let mut results = Vec::new();
                for sy in [-1.0, 1.0] {
                    for sx in [-1.0, 1.0] {
                        let (ey, iy, ry) = corner(y, sy, im.h, ev.h);
                        let (ex, ix, rx) = corner(x, sx, im.w, ev.w);
                        let mut z: Vec<f64> = (0..c).map(|k| ev.at(k, ey, ex)).collect();
                        let cell =
                            [(ev.h, im.h), (ev.w, im.w)].map(|(a, b)| 2.0 * a as f64 / b as f64);
                        z.extend([ry, rx, cell[0], cell[1]]);
                        z.extend((0..c).map(|k| im.at(k, iy, ix)));
                        for l in [0, 2, 4, 6] {
                            z = layer(l, &z);
                            if l < 6 {
                                z.iter_mut().for_each(|v| *v = v.max(0.0));
                            }
                        }
                        results.push(((ry * rx).abs() + 1e-9, z));
                    }
                }
                let total: f64 = results.iter().map(|r| r.0).sum();
                for (i, (_, z)) in results.iter().enumerate() {
                    let weight = results[3 - i].0 / total;
                    for (k, v) in z.iter().enumerate() {
                        out.data[(k * im.h + y) * im.w + x] += weight * v;
                    }
                }
            }
        }
        out
    }

    fn deform(&self, name: &str, k: usize, x: &Chw) -> Chw {
        let offsets = self.conv(&format!("{name}.conv_offset_mask"), k, x);
        let (w, b) = (self.get(format!("{name}.weight")), self.get(format!("{name}.bias")));
        let taps = k * k;
        let mut out = Chw::from_fn(b.len(), x.h, x.w, |o, _, _| f64::from(b[o]));
        for y in 0..x.h {
            for xx in 0..x.w {
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
        }
        out
    }

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

    /// Latent image and ratio.
    pub fn forward(&self, event: &Chw, blur: &Chw) -> (Chw, Chw) {
        let image = self.encoder("im_enc", &blur.clone().map(|v| (v - 0.5) / 0.5));
        let events = self.encoder("ev_enc", event);
        let mut fused: Vec<Chw> = (events.iter().zip(&image).enumerate())
            .map(|(i, (e, m))| {
                let k = if i == 0 { 5 } else { 3 };
                self.deform(&format!("msff{}.dcn", i + 1), k, &self.fuse(i + 1, e, m))
            })
            .collect();
        let mut x = fused.pop().unwrap();
        for i in 1..=4 {
            let name = format!("dec.up{i}");
            let skip = fused.pop().unwrap();
            x = self.conv_relu(&format!("{name}.conv1"), 3, &Self::upsample(&x)).plus(&skip);
            x = self.conv_relu(&format!("{name}.conv2"), 3, &x);
        }
        let ratio = self.conv("dec.conv", 3, &x).map(|v| v.exp().ln_1p());
        let mut latent = ratio.clone();
        latent.data.iter_mut().zip(&blur.data).for_each(|(r, b)| *r *= b);
        (latent, ratio)
    }
}
