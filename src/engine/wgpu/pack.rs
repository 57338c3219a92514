//! Weights as matrices of four inputs (columns) and four outputs (rows), as `shaders/san/` reads
//! them.

use half::f16;

/// Columns one after the other.
pub(super) type Matrix = [f32; 16];
pub(super) type Vector = [f32; 4];

/// Order of the matrices of a layer; outputs are innermost in both.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// [input][kernel position][output]
    InputFirst,
    /// [kernel position][input][output]
    TapFirst,
}

/// Weights `(cout, cin, taps)`, with zeros up to `inputs` and `outputs` vectors.
pub(super) fn matrices(
    w: &[f32],
    [cout, cin, taps]: [usize; 3],
    [inputs, outputs]: [usize; 2],
    order: Order,
) -> Vec<Matrix> {
    let value = |o: usize, i: usize, tap: usize| {
        if o < cout && i < cin { w[(o * cin + i) * taps + tap] } else { 0.0 }
    };
    let one = |input: usize, tap: usize, output: usize| -> Matrix {
        std::array::from_fn(|k| value(4 * output + k % 4, 4 * input + k / 4, tap))
    };
    (0..inputs * taps * outputs)
        .map(|i| {
            let (place, output) = (i / outputs, i % outputs);
            match order {
                Order::InputFirst => one(place / taps, place % taps, output),
                Order::TapFirst => one(place % inputs, place / inputs, output),
            }
        })
        .collect()
}

/// Weights `(cout, cin, taps)` in half precision as `conv_matrix.wgsl` reads them, with zeros up to
/// `outputs` channels: [input / tile][kernel position][output / tile][input % tile][output % tile].
/// Empty if the channels do not divide into tiles.
pub(super) fn tiles(
    w: &[f32],
    [cout, cin, taps]: [usize; 3],
    outputs: usize,
    tile: usize,
) -> Vec<f16> {
    if !cin.is_multiple_of(tile) || !outputs.is_multiple_of(tile) {
        return Vec::new();
    }
    let value = |o: usize, i: usize, tap: usize| {
        if o < cout { w[(o * cin + i) * taps + tap] } else { 0.0 }
    };
    let mut all = Vec::with_capacity(cin * taps * outputs);
    for input in (0..cin).step_by(tile) {
        for tap in 0..taps {
            for output in (0..outputs).step_by(tile) {
                for i in input..input + tile {
                    all.extend((output..output + tile).map(|o| f16::from_f32(value(o, i, tap))));
                }
            }
        }
    }
    all
}

/// Numbers as vectors, with zeros up to `count` vectors.
pub(super) fn vectors(numbers: &[f32], count: usize) -> Vec<Vector> {
    let number = |i: usize| numbers.get(i).copied().unwrap_or_default();
    (0..count).map(|v| std::array::from_fn(|k| number(4 * v + k))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_has_its_place_and_the_rest_is_zero() {
        // 5 outputs, 3 inputs, 4 positions; each weight is its own index, from 1.
        let (cout, cin, taps) = (5, 3, 4);
        let w: Vec<f32> = (0..cout * cin * taps).map(|i| i as f32 + 1.0).collect();
        for order in [Order::InputFirst, Order::TapFirst] {
            let packed = matrices(&w, [cout, cin, taps], [2, 4], order);
            assert_eq!(packed.len(), 2 * taps * 4);
            let mut sum = 0.0;
            for (o, i, tap) in (0..cout)
                .flat_map(|o| (0..cin).flat_map(move |i| (0..taps).map(move |t| (o, i, t))))
            {
                let at = match order {
                    Order::InputFirst => (i / 4 * taps + tap) * 4 + o / 4,
                    Order::TapFirst => (tap * 2 + i / 4) * 4 + o / 4,
                };
                let found = packed[at][i % 4 * 4 + o % 4];
                assert_eq!(found, w[(o * cin + i) * taps + tap]);
                sum += found;
            }
            let all: f32 = packed.iter().flatten().sum();
            assert_eq!(all, sum);
        }
        assert_eq!(vectors(&[1.0, 2.0, 3.0, 4.0, 5.0], 3)[1..], [[5.0, 0.0, 0.0, 0.0], [0.0; 4]]);
    }
    #[test]
    fn tiles_hold_every_weight_once() {
        // 5 outputs, 8 inputs, 2 positions, in tiles of 4.
        let (cout, cin, taps, outputs, tile) = (5, 8, 2, 8, 4);
        let w: Vec<f32> = (0..cout * cin * taps).map(|i| i as f32 + 1.0).collect();
        let packed = tiles(&w, [cout, cin, taps], outputs, tile);
        assert_eq!(packed.len(), cin * taps * outputs);
        for (i, found) in packed.iter().enumerate() {
            let (o, i, rest) = (i % tile, i / tile % tile, i / tile / tile);
            let (o, rest) = (rest % 2 * tile + o, rest / 2);
            let (i, tap) = (rest / taps * tile + i, rest % taps);
            let want = if o < cout { w[(o * cin + i) * taps + tap] } else { 0.0 };
            assert_eq!(found.to_f32(), want, "output {o}, input {i}, position {tap}");
        }
        assert!(tiles(&w, [cout, 6, taps], outputs, tile).is_empty());
    }
}
