//! The micro-kernel: a small matrix product whose left-hand rows may overlap in memory.
//!
//! In channels-last order the `k` taps of one kernel row are adjacent, so a convolution is a matrix
//! product whose row for the next pixel starts `channels` values further on. 1x1 layers, the fusion
//! MLP and the sampled columns of the deformable convolution are the plain case. Every output is
//! summed in a fixed order, independent of tile and thread.

use super::aligned::Aligned;
use super::isa::Task;
use super::simd::Simd;

/// The right-hand matrix with its bias, in the order in which the kernel reads it.
pub(crate) struct Packed {
    data: Aligned,
    bias: Vec<f32>,
    /// Output channels, padded to whole registers.
    pub(crate) columns: usize,
    depth: usize,
    lanes: usize,
}

impl Packed {
    /// Packs `depth x outputs` values given by `weight(output, k)`.
    pub(crate) fn new(
        lanes: usize,
        outputs: usize,
        depth: usize,
        bias: impl Fn(usize) -> f32,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let columns = outputs.next_multiple_of(lanes);
        let mut data = Aligned::zeros(columns * depth);
        let mut first = 0;
        while first < columns {
            let width = block(columns - first, lanes);
            let rows = data[first * depth..][..width * depth].chunks_exact_mut(width);
            for (k, row) in rows.enumerate() {
                for (to, o) in row.iter_mut().zip(first..outputs) {
                    *to = weight(o, k);
                }
            }
            first += width;
        }
        let bias = (0..columns).map(|o| if o < outputs { bias(o) } else { 0.0 }).collect();
        Self { data, bias, columns, depth, lanes }
    }
}

/// Columns of the next block: two registers; three where two would leave one; one if no more remain.
fn block(remaining: usize, lanes: usize) -> usize {
    let vectors = remaining / lanes;
    lanes * if vectors == 1 || vectors == 3 { vectors } else { 2 }
}

/// The memory layout of the left-hand rows.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    /// Address of the first row.
    pub(crate) start: *const f32,
    /// Distance between the starts of rows, in values.
    pub(crate) step: usize,
    /// Number of contiguous runs in a row.
    pub(crate) runs: usize,
    /// Number of values in a run.
    pub(crate) run_len: usize,
    /// Distance between the starts of runs, in values.
    pub(crate) run_step: usize,
    /// Number of rows.
    pub(crate) count: usize,
}

impl Rows {
    /// `count` rows of `depth` values, one after the other.
    pub(crate) fn dense(start: *const f32, depth: usize, count: usize) -> Self {
        Self { start, step: depth, runs: 1, run_len: depth, run_step: 0, count }
    }
}

/// The operation on a sum before it is stored.
#[derive(Clone, Copy)]
pub(crate) enum Post {
    /// Nothing.
    None,
    /// max(0, x).
    Relu,
    /// max(0, x) + y, where y has the layout of the output.
    ReluAdd(*const f32),
    /// x where y is positive, else zero: back through the ReLU whose output is y. y has the layout of
    /// the output.
    Gate(*const f32),
}

/// `out[row][column] = post(bias + rows * packed)`.
///
/// # Safety
/// Every run of every row is readable, `out` (and the tensor in `post`) has `count` rows of
/// `packed.columns` values `out_step` apart, `packed` was created for `S::LANES`, and `S` is
/// available.
#[inline(always)]
pub(crate) unsafe fn matmul<S: Simd>(
    packed: &Packed,
    rows: Rows,
    out: *mut f32,
    out_step: usize,
    post: Post,
) {
    assert!(packed.depth == rows.runs * rows.run_len && packed.lanes == S::LANES);
    let mut first = 0;
    while first < packed.columns {
        let width = block(packed.columns - first, S::LANES);
        // SAFETY: blocks partition `columns`; the caller guarantees the rest.
        unsafe {
            let b = packed.data.as_ptr().add(first * packed.depth);
            let bias = packed.bias.as_ptr().add(first);
            let out = out.add(first);
            let post = match post {
                Post::ReluAdd(p) => Post::ReluAdd(p.add(first)),
                Post::Gate(p) => Post::Gate(p.add(first)),
                other => other,
            };
            match width / S::LANES {
                1 => panel::<S, 1>(b, bias, rows, out, out_step, post),
                2 => panel::<S, 2>(b, bias, rows, out, out_step, post),
                _ => panel::<S, 3>(b, bias, rows, out, out_step, post),
            }
        }
        first += width;
    }
}

/// One matrix product as a separate task; see [`matmul`] for what its caller guarantees.
///
/// Loops that need several products run one task per product rather than one task that contains
/// them all: a product inlined at every call makes functions that take minutes to compile.
pub(crate) struct Matmul<'a> {
    pub(crate) packed: &'a Packed,
    pub(crate) rows: Rows,
    pub(crate) out: *mut f32,
    /// Distance between the rows of `out`, in values.
    pub(crate) step: usize,
    pub(crate) post: Post,
}

impl Task for Matmul<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the caller of the task guarantees what `matmul` requires.
        unsafe { matmul::<S>(self.packed, self.rows, self.out, self.step, self.post) }
    }
}

/// Multiplies all rows by one block of `N` registers.
#[inline(always)]
unsafe fn panel<S: Simd, const N: usize>(
    b: *const f32,
    bias: *const f32,
    rows: Rows,
    out: *mut f32,
    out_step: usize,
    post: Post,
) {
    let mut row = 0;
    macro_rules! tiles {
        ($m:literal, $step:literal) => {
            while rows.count - row >= $m {
                // SAFETY: rows row..row + m exist, and are `$step` values apart unless `$step` is zero.
                unsafe { tile::<S, $m, N, $step>(b, bias, rows, row, out, out_step, post) };
                row += $m;
            }
        };
        ($m:literal) => {
            tiles!($m, 0)
        };
    }
    // Tiles for maps of 16 and 32 channels, which take most of the time. With distances known at compile
    // time the inner loop has no additions for the addresses of rows; with one register of columns these
    // additions took longer than the products.
    macro_rules! tiles_by_step {
        ($m:literal) => {
            match rows.step {
                16 => tiles!($m, 16),
                32 => tiles!($m, 32),
                _ => tiles!($m, 0),
            }
        };
    }
    // The registers must hold the accumulators, one column block of the right matrix, and a spare.
    if S::REGISTERS == 32 {
        if N == 1 {
            tiles_by_step!(24);
            tiles_by_step!(16);
        }
        if N <= 2 {
            tiles!(12);
        }
        if N != 2 {
            tiles!(8);
        }
    }
    if N == 1 {
        tiles!(12);
    }
    if N <= 2 {
        // Eight rows are two tiles of four: after a tile of six, two rows would use a third of the
        // accumulators.
        while rows.count - row >= 6 && rows.count - row != 8 {
            // SAFETY: rows row..row + 6 exist.
            unsafe { tile::<S, 6, N, 0>(b, bias, rows, row, out, out_step, post) };
            row += 6;
        }
    }
    tiles!(4);
    tiles!(2);
    tiles!(1);
}

/// `STEP` is the distance between rows if it is known, else zero.
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize, const STEP: usize>(
    mut b: *const f32,
    bias: *const f32,
    rows: Rows,
    row: usize,
    out: *mut f32,
    out_step: usize,
    post: Post,
) {
    let step = if STEP == 0 { rows.step } else { STEP };
    // SAFETY: all accesses are within what the caller guarantees for `rows`, `out` and `post`.
    unsafe {
        let mut sum = [[S::splat(0.0); N]; M];
        for line in &mut sum {
            for (n, s) in line.iter_mut().enumerate() {
                *s = S::load(bias.add(n * S::LANES));
            }
        }
        for run in 0..rows.runs {
            let mut a = rows.start.add(row * step + run * rows.run_step);
            for _ in 0..rows.run_len {
                let mut right = [S::splat(0.0); N];
                for (n, r) in right.iter_mut().enumerate() {
                    *r = S::load(b.add(n * S::LANES));
                }
                b = b.add(N * S::LANES);
                for (m, line) in sum.iter_mut().enumerate() {
                    // Unchecked: overflow checks here made a restoration a third slower.
                    let left = S::splat(*a.add(m.wrapping_mul(step)));
                    for (s, r) in line.iter_mut().zip(right) {
                        *s = S::fma(left, r, *s);
                    }
                }
                a = a.add(1);
            }
        }
        for (m, line) in sum.into_iter().enumerate() {
            for (n, mut s) in line.into_iter().enumerate() {
                let at = (row + m) * out_step + n * S::LANES;
                match post {
                    Post::None => {}
                    Post::Relu => s = S::max(s, S::splat(0.0)),
                    Post::ReluAdd(p) => s = S::add(S::max(s, S::splat(0.0)), S::load(p.add(at))),
                    Post::Gate(p) => s = S::where_positive(s, S::load(p.add(at))),
                }
                S::store(out.add(at), s);
            }
        }
    }
}
