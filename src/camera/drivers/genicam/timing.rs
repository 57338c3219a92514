//! When a frame was exposed, from what a camera reports.

use crate::camera::FrameTiming;
use crate::time::Timestamp;

/// Two times of one frame that differ by a larger factor are not in the same unit: in the same one,
/// they differ by an exposure at most.
const SAME_UNIT: f64 = 1.5;

/// Rounds a time to whole microseconds, at least one, the shortest possible exposure.
pub(super) fn whole_us(us: f64) -> i64 {
    (us.round() as i64).max(1)
}

/// The timestamp of a frame in nanoseconds: that of its chunk, if there is one, else `leader_ns`, which
/// precedes the frame. Older GigE Vision cameras count a chunk in ticks of their own clock, of 8 ns
/// for example; Aravis converts the leader alone.
pub(super) fn timestamp_ns(chunk: Option<f64>, leader_ns: u64) -> u64 {
    let leader = leader_ns as f64;
    let in_ns =
        |chunk: &f64| leader_ns == 0 || (leader / SAME_UNIT..=leader * SAME_UNIT).contains(chunk);
    chunk.filter(in_ns).map_or(leader_ns, |ns| ns as u64)
}

/// Exposure time of a frame. A camera without a clock sends zero as every timestamp.
pub(super) fn timing(timestamp_ns: u64, exposure_us: i64, at_end: bool) -> FrameTiming {
    if timestamp_ns == 0 {
        return FrameTiming::Arrival { exposure_us };
    }
    let timestamp = Timestamp::from_us(i64::try_from(timestamp_ns / 1000).unwrap_or(i64::MAX));
    let start = if at_end { timestamp.plus_us(-exposure_us) } else { timestamp };
    FrameTiming::Frames { start, exposure_us }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_marks_start_or_end_of_exposure_or_is_missing() {
        let at = |start_us| FrameTiming::Frames {
            start: Timestamp::from_us(start_us),
            exposure_us: 4_000,
        };
        assert_eq!(timing(9_000_999, 4_000, false), at(9_000));
        assert_eq!(timing(9_000_000, 4_000, true), at(5_000));
        assert_eq!(timing(0, 4_000, true), FrameTiming::Arrival { exposure_us: 4_000 });
    }

    #[test]
    fn the_chunk_is_used_if_it_is_in_nanoseconds() {
        let leader_ns = 60_000_000_000;
        assert_eq!(timestamp_ns(Some(60_012_000_000.0), leader_ns), 60_012_000_000);
        assert_eq!(timestamp_ns(None, leader_ns), leader_ns);
        // 125 MHz, and the other way round 1 MHz.
        assert_eq!(timestamp_ns(Some(7_500_000_000.0), leader_ns), leader_ns);
        assert_eq!(timestamp_ns(Some(60_000_000.0), leader_ns), leader_ns);
        // A camera whose leaders have no time.
        assert_eq!(timestamp_ns(Some(5_000.0), 0), 5_000);
    }
}
