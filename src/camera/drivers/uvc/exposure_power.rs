//! Exposure times as Windows states them: whole powers of two, in seconds.

/// The shortest and the longest exposure time of web cameras, as powers of two of a second.
const RANGE: (i64, i64) = (-13, 0);

/// The shortest and the longest exposure time in microseconds.
pub(super) fn range_us() -> (i64, i64) {
    (to_us(RANGE.0), to_us(RANGE.1))
}

/// Two to the power of `power` seconds, in microseconds.
pub(super) fn to_us(power: i64) -> i64 {
    let power = power.clamp(RANGE.0, RANGE.1) as i32;
    (1e6 * 2.0_f64.powi(power)).round() as i64
}

/// The power whose exposure time is the nearest one on a scale of stops.
pub(super) fn from_us(us: i64) -> i64 {
    let power = (us.max(1) as f64 / 1e6).log2().round() as i64;
    power.clamp(RANGE.0, RANGE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposure_times_are_powers_of_two_of_a_second() {
        assert_eq!([-13, -7, -5, -1, 0].map(to_us), [122, 7813, 31_250, 500_000, 1_000_000]);
        assert_eq!(range_us(), (122, 1_000_000));
        for power in -13..=0 {
            assert_eq!(from_us(to_us(power)), power);
        }
        // The nearest one; what no camera has becomes the longest or the shortest.
        assert_eq!([10_000, 12_000, 1, 0, -5, i64::MAX].map(from_us), [-7, -6, -13, -13, -13, 0]);
        assert_eq!([i64::MIN, i64::MAX].map(to_us), [122, 1_000_000]);
    }
}
