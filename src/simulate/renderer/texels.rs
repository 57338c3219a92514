//! Textures in fixed point, in a layout in which one multiply-add of pairs blends two neighbours of
//! every channel.

use crate::image::LUMA_BGR;
use crate::simulate::scene::SPAN;
use crate::simulate::{Layer, LightImage};
use wide::{f64x2, i16x8, i32x4};

/// Full light and full coverage; brighter texels are clamped to it.
const FULL: f32 = 32_767.0;
/// Number of bits of the sum of the four weights.
const WEIGHT_BITS: u32 = 14;
/// Right shift of a blend, so that the light of a whole exposure fits 32 bits.
const DROPPED_BITS: u32 = 6;
/// The value of a sample of full light.
pub(super) const UNIT: f32 = FULL * (1 << (WEIGHT_BITS - DROPPED_BITS)) as f32;
/// Largest number of columns and rows that coordinates can address; larger textures are cropped.
const LARGEST: usize = 15_000;
/// Side of a block in texels.
const BLOCK: usize = 16;

/// How much of a block a layer covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coverage {
    None,
    Part,
    All,
}

/// How a texel is stored, and how four texels are blended.
pub(super) trait Layout: Sync {
    /// Packs a texel (fixed point: blue, green, red, coverage) with its neighbours to the right,
    /// below, and diagonally.
    fn pack(here: [i16; 4], right: [i16; 4], below: [i16; 4], across: [i16; 4]) -> i16x8;

    /// Blends a texel, the one `under` it, and their right neighbours. `above` and `below` hold the
    /// weights of left and right in their lower and upper half. Lane 3 is coverage.
    fn blend(here: &i16x8, under: &i16x8, above: i32, below: i32) -> i32x4;
}

/// Blue, green, red and coverage in one lane each.
pub(super) struct Colour;

impl Layout for Colour {
    fn pack(here: [i16; 4], right: [i16; 4], _: [i16; 4], _: [i16; 4]) -> i16x8 {
        i16x8::new(std::array::from_fn(|i| if i % 2 == 0 { here[i / 2] } else { right[i / 2] }))
    }

    #[inline(always)]
    fn blend(here: &i16x8, under: &i16x8, above: i32, below: i32) -> i32x4 {
        here.dot(pairs(i32x4::splat(above))) + under.dot(pairs(i32x4::splat(below)))
    }
}

/// Brightness in lanes 0 and 2, coverage in lanes 1 and 3.
pub(super) struct Luma;

impl Luma {
    /// Brightness and coverage.
    fn of([b, g, r, cover]: [i16; 4]) -> [i16; 2] {
        let [blue, green, red] = LUMA_BGR;
        [(f32::from(b) * blue + f32::from(g) * green + f32::from(r) * red).round() as i16, cover]
    }
}

impl Layout for Luma {
    fn pack(here: [i16; 4], right: [i16; 4], below: [i16; 4], across: [i16; 4]) -> i16x8 {
        let [a, b, c, d] = [here, right, below, across].map(Self::of);
        i16x8::new([a[0], b[0], a[1], b[1], c[0], d[0], c[1], d[1]])
    }

    #[inline(always)]
    fn blend(here: &i16x8, _: &i16x8, above: i32, below: i32) -> i32x4 {
        let both = here.dot(pairs(i32x4::new([above, above, below, below])));
        let [a, b, c, d] = both.to_array();
        both + i32x4::new([c, d, a, b])
    }
}

/// Lanes of 32 bits as pairs of 16.
#[inline(always)]
fn pairs(lanes: i32x4) -> i16x8 {
    bytemuck::cast(lanes)
}

/// Texture coordinates in 1/65,536 texel; whole numbers are texel centres.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: i32,
    pub(super) y: i32,
}

/// One level of a texture.
pub(super) struct Texels<L> {
    /// Columns and rows; the last row is stored twice.
    width: usize,
    height: usize,
    texels: Vec<i16x8>,
    /// Coverage of every block; empty for a mirrored texture.
    blocks: Vec<Coverage>,
    layout: std::marker::PhantomData<L>,
}

impl<L: Layout> Texels<L> {
    /// All levels of a layer's texture.
    pub(super) fn of(layer: &Layer) -> Vec<Self> {
        let texture = &layer.texture;
        texture.levels().iter().map(|level| Self::new(level, texture.endless())).collect()
    }

    fn new(image: &LightImage, endless: bool) -> Self {
        // A texture that ends gets a transparent rim, so that its edge can be blended.
        let rim = usize::from(!endless);
        let (columns, rows) = (image.size().width, image.size().height);
        let (w, h) = (columns.min(LARGEST), rows.min(LARGEST));
        let (width, height) = (w + 2 * rim, h + 2 * rim);
        let at = |x: usize, y: usize| {
            let (x, y) = (x.min(width - 1).wrapping_sub(rim), y.min(height - 1).wrapping_sub(rim));
            if x >= w || y >= h {
                return [0; 4];
            }
            image.pixels()[y * columns + x].map(|v| (v * FULL + 0.5) as i16)
        };
        let places = (0..=height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let texels = places
            .map(|(x, y)| L::pack(at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)))
            .collect();
        let block = |i: usize| {
            let (x, y) = (i % width.div_ceil(BLOCK) * BLOCK, i / width.div_ceil(BLOCK) * BLOCK);
            // Includes the neighbours that the last texels of the block are blended with.
            let places = (y..=y + BLOCK).flat_map(|y| (x..=x + BLOCK).map(move |x| (x, y)));
            let (least, most) = places
                .map(|(x, y)| at(x, y)[3])
                .fold((i16::MAX, 0), |(least, most), a| (least.min(a), most.max(a)));
            match (least, most) {
                (_, 0) => Coverage::None,
                (i16::MAX, _) => Coverage::All,
                _ => Coverage::Part,
            }
        };
        let count = width.div_ceil(BLOCK) * height.div_ceil(BLOCK);
        let blocks = if endless { Vec::new() } else { (0..count).map(block).collect() };
        Self { width, height, texels, blocks, layout: std::marker::PhantomData }
    }

    /// Converts texture coordinates, in which 0.5 is the centre of the first texel.
    #[inline(always)]
    pub(super) fn point(&self, place: f64x2) -> Point {
        /// Adding this to a number leaves the nearest integer in the lower half of its bits.
        const WHOLE: f64 = (1_u64 << 52) as f64 * 1.5;
        /// Near the horizon coordinates grow without bound; differences must fit 32 bits.
        const FAR: f64 = 1e9;
        let centre = if self.blocks.is_empty() { -32_768.0 } else { 32_768.0 };
        let fixed = place * f64x2::splat(65_536.0) + f64x2::splat(centre);
        // NaN is clamped, too.
        let near = fixed.fast_max(f64x2::splat(-FAR)).fast_min(f64x2::splat(FAR));
        let [x, y] = (near + f64x2::splat(WHOLE)).to_array().map(|v| v.to_bits() as i32);
        Point { x, y }
    }

    /// As [`Self::point`], for a texture that is mirrored beyond its edges.
    pub(super) fn reflected(&self, place: f64x2) -> Point {
        let fold = |v: f64, n: usize| {
            let n = n as f64;
            // A triangle wave, kept half a texel away from the edge.
            let v = v.rem_euclid(2.0 * n);
            let v = if v > n { 2.0 * n - v } else { v };
            v.clamp(0.5, (n - 0.500_1).max(0.5))
        };
        let [x, y] = place.to_array();
        self.point(f64x2::new([fold(x, self.width), fold(y, self.height)]))
    }

    /// Whether the texture holds a point and the neighbours that it is blended with.
    #[inline(always)]
    pub(super) fn holds(&self, p: Point) -> bool {
        let within = |v: i32, n: usize| v >= 0 && (v >> 16) < n as i32;
        within(p.x, self.width) && within(p.y, self.height)
    }

    /// How much a texture that ends covers of the region between some points.
    #[inline(always)]
    pub(super) fn cover<const N: usize>(&self, points: [Point; N]) -> Coverage {
        let range = |pick: fn(&Point) -> i32| {
            let values = points.each_ref().map(pick);
            (
                values.iter().fold(i32::MAX, |a, b| a.min(*b)),
                values.iter().fold(i32::MIN, |a, b| a.max(*b)),
            )
        };
        let ((left, right), (top, below)) = (range(|p| p.x), range(|p| p.y));
        let clear = |(a, b): (i32, i32), n: usize| b < 0 || (a >> 16) >= n as i32;
        if clear((left, right), self.width) || clear((top, below), self.height) {
            return Coverage::None;
        }
        // Points outside the texture are clamped to blocks that include the transparent rim.
        let block = |v: i32, n: usize| ((v >> 16).clamp(0, n as i32 - 1)) as usize / BLOCK;
        let (left, right) = (block(left, self.width), block(right, self.width));
        let (top, below) = (block(top, self.height), block(below, self.height));
        let columns = self.width.div_ceil(BLOCK);
        let first = self.blocks[top * columns + left];
        let same = (top..=below)
            .all(|y| self.blocks[y * columns..][left..=right].iter().all(|b| *b == first));
        if same { first } else { Coverage::Part }
    }

    /// Whether the texture holds all points of a span.
    #[inline(always)]
    fn holds_span(&self, start: Point, step: Point) -> bool {
        let last = SPAN as i32 - 1;
        let end = Point { x: start.x + last * step.x, y: start.y + last * step.y };
        self.holds(start) && self.holds(end)
    }

    /// The samples of a span that starts at `start` with a distance of `step`. Points outside are
    /// moved to the edge, where a texture that ends is transparent.
    #[inline(always)]
    pub(super) fn span(&self, start: Point, step: Point, mut put: impl FnMut(usize, Sample)) {
        let from = |start: i32, step: i32| {
            i32x4::new([start, start + step, start + 2 * step, start + 3 * step])
        };
        let (mut x, mut y) = (from(start.x, step.x), from(start.y, step.y));
        let further = (i32x4::splat(4 * step.x), i32x4::splat(4 * step.y));
        let held = self.holds_span(start, step);
        for four in 0..SPAN / 4 {
            // If both ends of the span are inside, all points between them are.
            let samples = if held { self.four(x, y) } else { self.four_clamped(x, y) };
            // Unrolled by hand: compilers do not inline a closure per sample into the loop.
            let [a, b, c, d] = samples;
            put(4 * four, a);
            put(4 * four + 1, b);
            put(4 * four + 2, c);
            put(4 * four + 3, d);
            (x, y) = (x + further.0, y + further.1);
        }
    }

    /// The sample at a point, or at the edge if the point is outside.
    pub(super) fn sample(&self, point: Point) -> Sample {
        let [sample, ..] = self.four_clamped(i32x4::splat(point.x), i32x4::splat(point.y));
        sample
    }

    #[inline(always)]
    fn four_clamped(&self, x: i32x4, y: i32x4) -> [Sample; 4] {
        let within =
            |v: i32x4, n: usize| v.max(i32x4::ZERO).min(i32x4::splat((n as i32 - 1) << 16));
        self.four(within(x, self.width), within(y, self.height))
    }

    /// Samples at four points that the texture [holds](Self::holds); black outside.
    #[inline(always)]
    fn four(&self, x: i32x4, y: i32x4) -> [Sample; 4] {
        let fraction = i32x4::splat(0x7fff);
        let (fx, fy) = ((x >> 1_i32) & fraction, (y >> 1_i32) & fraction);
        // The second of every pair is zero: the products of the first ones are the weights.
        let both: i32x4 = pairs(fx).dot(pairs(fy)) >> 16_i32;
        let (fx, fy) = (fx >> 1_i32, fy >> 1_i32);
        let (top_right, below_left) = (fx - both, fy - both);
        let top_left = i32x4::splat(1 << WEIGHT_BITS) - fx - below_left;
        let above = (top_left | (top_right << 16_i32)).to_array();
        let below = (below_left | (both << 16_i32)).to_array();
        let width = i32x4::splat(self.width as i32);
        let index = (pairs(y >> 16_i32).dot(pairs(width)) + (x >> 16_i32)).to_array();
        let sample = |i: usize| {
            let index = index[i] as usize;
            // `new` stores one row more than `height`, so every texel has one below it.
            match self.texels.get(index..=index + self.width) {
                Some([here, .., under]) => Sample(L::blend(here, under, above[i], below[i])),
                _ => Sample(i32x4::ZERO),
            }
        };
        [sample(0), sample(1), sample(2), sample(3)]
    }
}

/// Four lanes of a blend.
#[derive(Clone, Copy)]
pub(super) struct Sample(i32x4);

impl Sample {
    /// Lanes in which [`UNIT`] is full light, divided by two to the power of `halvings`.
    #[inline(always)]
    pub(super) fn light(self, halvings: u32) -> i32x4 {
        self.0 >> (DROPPED_BITS + halvings)
    }
}
