//! Operations of every instruction set against plain numbers.

use super::Simd;
use crate::engine::cpu::Isa;
use crate::engine::cpu::isa::Task;

/// Runs the operations on `values`, four registers of any instruction set.
struct Operations<'a> {
    values: &'a [f32; 64],
    sums: &'a mut Vec<f32>,
    gated: &'a mut Vec<f32>,
}

impl Task for Operations<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: four registers hold at most 64 values.
        unsafe {
            let mut v = [S::splat(0.0); 4];
            for (i, v) in v.iter_mut().enumerate() {
                *v = S::load(self.values.as_ptr().add(i * S::LANES));
            }
            self.sums.extend(S::lane_sums(v));
            for gate in v {
                let mut lanes = [0.0; 16];
                S::store(lanes.as_mut_ptr(), S::where_positive(v[0], gate));
                self.gated.extend(lanes.iter().take(S::LANES));
            }
        }
    }
}

#[test]
fn sums_of_lanes_and_gates_equal_plain_loops() {
    let mut values: [f32; 64] = std::array::from_fn(|i| (i * 37 % 64) as f32 - 20.0);
    (values[3], values[17], values[33]) = (0.0, -0.0, f32::NAN);
    for isa in Isa::available() {
        let lanes = isa.lanes();
        let (mut sums, mut gated) = (Vec::new(), Vec::new());
        let task = Operations { values: &values, sums: &mut sums, gated: &mut gated };
        // SAFETY: the instruction set is available.
        unsafe { isa.run(task) };
        for (i, register) in values.chunks_exact(lanes).take(4).enumerate() {
            let sum: f32 = register.iter().sum();
            assert!(sums[i] == sum || (sum.is_nan() && sums[i].is_nan()), "{isa:?}, {i}");
            for (lane, gate) in register.iter().enumerate() {
                let expected = if *gate > 0.0 { values[lane] } else { 0.0 };
                assert_eq!(gated[i * lanes + lane], expected, "{isa:?}, {i}, {lane}");
            }
        }
    }
}
